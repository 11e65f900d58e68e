import { dirname, join, resolve } from 'node:path';
import type { Site } from '../domain/site.js';
import { secretsOf } from '../engines/config/load-site.js';

/** The site with its folders made absolute: relative ones are meant from the site file, missing ones lie in the home. */
export function withAbsolutePaths(site: Site, source: string, home: string): Site {
  const base = source === 'built-in' ? home : dirname(source);
  const at = (path: string | undefined, fallback: string): string => (path === undefined ? join(home, fallback) : resolve(base, path));
  return {
    ...site,
    executors: Object.fromEntries(Object.entries(site.executors).map(([id, config]) => [id, { ...config, jobsRoot: at(config.jobsRoot, 'jobs') }])),
    releases: { ...site.releases, root: at(site.releases.root, 'releases') },
    secrets: source === 'built-in' ? site.secrets : secretsOf({ site, source }),
    store: { ...site.store, path: at(site.store.path, 'store') },
  };
}
