import { dirname, join, resolve } from 'node:path';
import { writeFileAtomic, type Env } from '../../client/home.js';
import { BUILT_IN_SITE } from '../../domain/site.js';
import { loadSite, secretsOf } from '../../engines/config/load-site.js';
import { loadKeyRing } from '../../engines/payload-crypto/key-ring.js';

export interface DevSite {
  /** What the worker gets as `--site`; absolute. */
  path: string;
  /** Where the site's local executors keep their jobs; absolute. */
  jobsRoots: string[];
  builtIn: boolean;
  /** Of the key that payloads are encrypted with; absent: they are not. */
  keyId?: string;
}

/**
 * The site of a `ferry dev`: the one that is named or lies in the folder, else the built-in one, which is written into
 * the home so that the worker reads a file like any other.
 * @throws InvalidDocument with every problem of the site file, PayloadError for a key that can't be used
 */
export async function prepareDevSite({ sitePath, env, cwd, home }: { sitePath?: string; env: Env; cwd: string; home: string }): Promise<DevSite> {
  const { site, source } = await loadSite({ path: sitePath, env: env['FERRY_SITE'], cwd, builtIn: true });
  const builtIn = source === 'built-in';
  const path = builtIn ? join(home, 'built-in-site.json') : source;
  if (builtIn) await writeFileAtomic(path, `${JSON.stringify(BUILT_IN_SITE, null, 2)}\n`);
  const jobsRoots = Object.values(site.executors).map(({ jobsRoot }) => (jobsRoot === undefined ? join(home, 'jobs') : resolve(dirname(path), jobsRoot)));
  const encryption = site.payloads?.encryption;
  const keyId = encryption === undefined ? undefined : (await loadKeyRing({ encryption, secrets: secretsOf({ site, source }), env })).current.id;
  return { path, jobsRoots: [...new Set(jobsRoots)], builtIn, ...(keyId === undefined ? {} : { keyId }) };
}
