import { join } from 'node:path';
import { defaultHome } from '../client/home.js';

/** What the kit takes from the environment of the tests that use it; they would all have to hand it in otherwise. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  /** A test server that somebody named. */
  serverPath: string | undefined;
  /** Where a fetched one is kept: with what `ferry dev` fetched, once a machine. */
  toolsDir: string;
}

export function surroundings(env: Surroundings['env'] = process.env): Surroundings {
  return { env, serverPath: env['FERRY_TEST_SERVER'] || undefined, toolsDir: join(defaultHome({ env }), 'tools') };
}
