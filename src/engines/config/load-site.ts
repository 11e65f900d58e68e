import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { digestOf } from '../../domain/canonical.js';
import { BUILT_IN_SITE, Site, type SecretSource } from '../../domain/site.js';
import { readDocument, validate } from './document.js';
import { InvalidDocument } from './invalid-document.js';

const WHAT = 'site file';

/** The site file that is taken when none is named. */
export const SITE_FILE = 'ferry.site.yaml';

/** A site and where it came from. */
export interface LoadedSite {
  site: Site;
  /** The absolute path of its file, or `built-in`. */
  source: string;
  /** Of the parsed site: equal sites have equal digests, however they are written. */
  digest: string;
}

/** Where to look for a site file, in this order. */
export interface SiteInput {
  /** From `--site`. */
  path?: string;
  /** `FERRY_SITE`. */
  env?: string;
  cwd: string;
  /** Whether the built-in site may stand in when no file is named and `./ferry.site.yaml` does not exist. */
  builtIn: boolean;
}

/**
 * The site: `--site`, then `FERRY_SITE`, then `./ferry.site.yaml`, then the built-in one where that is allowed.
 * A file that is named and missing is an error, never a reason to take the next.
 * @throws InvalidDocument with every problem.
 */
export async function loadSite({ path, env, cwd, builtIn }: SiteInput): Promise<LoadedSite> {
  const inFolder = join(cwd, SITE_FILE);
  const named = path ?? (env === '' ? undefined : env) ?? (existsSync(inFolder) ? inFolder : undefined);
  if (named !== undefined) {
    const source = resolve(cwd, named);
    const parsed = validate(await readDocument(source, WHAT), source, WHAT, Site);
    return { site: parsed, source, digest: digestOf(parsed) };
  }
  if (!builtIn) {
    throw new InvalidDocument(SITE_FILE, WHAT, 'missing', [
      { path: SITE_FILE, found: 'no site file', expected: `--site FILE, FERRY_SITE or ./${SITE_FILE}`, suggestion: 'write one by: ferry schema site, or run ferry dev, which brings a site of its own' },
    ]);
  }
  const site = validate(BUILT_IN_SITE, '(built-in site)', WHAT, Site);
  return { site, source: 'built-in', digest: digestOf(site) };
}

/** The directory of a site's local store: relative to the site file, or `$FERRY_HOME/store` where the site names none. */
export const storeDirOf = (loaded: Pick<LoadedSite, 'site' | 'source'>, home: string): string => dirOf(loaded, loaded.site.store.path, join(home, 'store'), home);

/** The directory of a site's releases, by the same rules; `$FERRY_HOME/releases` where the site names none. */
export const releasesDirOf = (loaded: Pick<LoadedSite, 'site' | 'source'>, home: string): string => dirOf(loaded, loaded.site.releases.root, join(home, 'releases'), home);

/** A site's secrets; a relative file is meant from the site file, like its folders, and not from where a command is typed. */
export function secretsOf({ site, source }: Pick<LoadedSite, 'site' | 'source'>): Record<string, SecretSource> {
  const absolute = (secret: SecretSource): SecretSource => ('file' in secret ? { file: resolve(dirname(source), secret.file) } : secret);
  return Object.fromEntries(Object.entries(site.secrets).map(([name, secret]) => [name, absolute(secret)]));
}

function dirOf({ source }: Pick<LoadedSite, 'source'>, path: string | undefined, fallback: string, home: string): string {
  return path === undefined ? fallback : resolve(source === 'built-in' ? home : dirname(source), path);
}
