import { connect, type FerryConnection } from '../client/connect.js';
import type { CliContext } from './context.js';
import { codecOf } from './payloads.js';

export type Server = FerryConnection & { ui: string | null };

/** Connects, runs `work` and closes the connection, whatever happens. */
export async function withServer<T>(context: CliContext, work: (server: Server) => Promise<T>): Promise<T> {
  const ferry = await connect({ ...context.connection, home: context.home, env: context.env, codec: codecOf(context) });
  try {
    return await work({ ...ferry, ui: ferry.ui ?? (context.env['TEMPORAL_UI_URL'] || null) });
  } finally {
    await ferry.close();
  }
}
