import type { Command } from 'commander';
import * as z from 'zod';
import { pidExists, readDevFile } from '../../client/home.js';
import { payloadCodec } from '../../temporal-codec.js';
import { startCodecServer, type CodecServer } from '../codec-server/codec-server.js';
import { CODEC_PORT } from '../codec-server/codec-port.js';
import type { CliContext } from '../context.js';
import { EXIT, UsageError } from '../errors.js';
import { collect, parseOptions } from '../options.js';
import { printJson, printLines } from '../output.js';
import { keysOf } from '../payloads.js';

const Port = z.coerce.number('a number from 0 to 65535').int('a number from 0 to 65535').min(0, 'a number from 0 to 65535').max(65_535, 'a number from 0 to 65535');
const Origin = z.string().refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text.replace(/\/$/, ''), 'an origin alone, such as https://temporal.example:8080');
const Options = z.object({ port: Port, origin: z.array(Origin).max(20).default([]) });

export function configure(command: Command): void {
  command
    .description('decrypt payloads for the Temporal Web UI in this machine\'s browsers, until Ctrl-C')
    .option('--port <n>', 'port on 127.0.0.1; 0 picks a free one', String(CODEC_PORT))
    .option('--origin <url>', 'a Web UI whose pages may ask; repeat for several (default: the one of the running ferry dev)', collect, [])
    .addHelpText(
      'after',
      `
Needs a site file whose payloads are encrypted, and its keys. In the Web UI give the address under
"Configure Codec Server", at the top of each page; the one of ferry dev has it already. Whoever can connect to 127.0.0.1
on this machine can decrypt by it; pages of other origins, and other hosts, are refused.

Examples:
  $ ferry codec-server
  $ ferry codec-server --site ferry.site.yaml --origin https://temporal.example:8080
  $ temporal workflow show -w tiny-v1 --codec-endpoint http://127.0.0.1:${CODEC_PORT}`,
    );
}

/** Stays until a signal ends it. */
export async function run(context: CliContext, _args: string[], options: unknown): Promise<number> {
  const { port, origin } = parseOptions(Options, options, 'codec-server');
  const keys = await keysOf(context);
  if (keys === undefined) throw new UsageError('The site that is in force here does not encrypt payloads', 'Name one that does with --site FILE; docs/operate.md says how it is switched on', [], 'not_encrypted');
  const origins = origin.length > 0 ? origin.map((url) => new URL(url).origin) : await originsOfDev(context.home);
  // A payload of another key is left as it is: one of them must not hide a whole page.
  const server = await listen(() => startCodecServer({ codec: payloadCodec({ keys: async () => keys, unreadable: 'pass' }), port, origins }), port);
  try {
    const keyIds = [...keys.byId.keys()];
    if (context.json) printJson(context, { url: server.url, origins, keys: keyIds });
    else printLines(context, [`The codec server is ready at ${server.url}, for ${origins.join(', ') || 'no page: name the Web UI with --origin URL'}.`, `Keys: ${keyIds.join(', ')}. End with Ctrl-C.`]);
    if (!context.signal.aborted) await new Promise((resolve) => context.signal.addEventListener('abort', resolve, { once: true }));
    return EXIT.done;
  } finally {
    await server.close();
  }
}

/** Its UI has two names in a browser. */
async function originsOfDev(home: string): Promise<string[]> {
  const dev = await readDevFile(home);
  if (dev === undefined || dev.ui === null || !pidExists(dev.dev.pid)) return [];
  const { origin } = new URL(dev.ui);
  return [...new Set([origin, origin.replace('//127.0.0.1:', '//localhost:')])];
}

async function listen(start: () => Promise<CodecServer>, port: number): Promise<CodecServer> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new UsageError(`The port ${port} can't be listened at (${error.message})`, 'Let ferry pick a free one with: ferry codec-server --port 0', [], 'port_taken');
  }
}
