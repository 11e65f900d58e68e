import { pidExists, readDevFile } from '../client/home.js';
import type { SpecStore } from '../client/start.js';
import { LocalStore } from '../engines/artifacts/local-store.js';
import { loadSite, storeDirOf, type LoadedSite } from '../engines/config/load-site.js';
import type { Packed } from '../engines/config/pack-sources.js';
import { specStore } from '../engines/config/spec-store.js';
import type { CliContext } from './context.js';

/**
 * The site as this machine sees it. The built-in one stands in only while a `ferry dev` of this home runs: it is that
 * one's site then too.
 */
export async function siteOf(context: CliContext): Promise<LoadedSite> {
  return await loadSite({ path: context.sitePath, env: context.env['FERRY_SITE'], cwd: context.cwd, builtIn: await devRuns(context.home) });
}

async function devRuns(home: string): Promise<boolean> {
  const dev = await readDevFile(home);
  return dev !== undefined && pidExists(dev.dev.pid);
}

/** The store of the site that is in force here; without a site file the default one of the home, which is only a folder. */
export async function storeOf(context: CliContext): Promise<LocalStore> {
  const loaded = await loadSite({ path: context.sitePath, env: context.env['FERRY_SITE'], cwd: context.cwd, builtIn: true });
  return new LocalStore(storeDirOf(loaded, context.home));
}

/** What a spec names, put into this machine's store; tells on stderr what went in and what was left out. */
export async function openSpecStore(context: CliContext, dir: string): Promise<SpecStore> {
  const store = await storeOf(context);
  const onPacked = ({ path, ref, leftOut }: Packed): void => {
    context.stderr.write(`packed ${path} as ${ref.digest} (${ref.bytes} bytes) into ${store.root}\n`);
    if (leftOut.length > 0) context.stderr.write(`left out of ${path}: ${leftOut.slice(0, 20).join(', ')}${leftOut.length > 20 ? ` and ${leftOut.length - 20} more` : ''}\n`);
  };
  return specStore({ store, dir, onPacked });
}
