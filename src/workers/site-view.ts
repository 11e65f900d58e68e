import { digestOf } from '../domain/canonical.js';
import { executorQueue, localQueue } from '../domain/ids.js';
import { planSiteOf } from '../domain/plan.js';
import type { ExecutorConfig, Site } from '../domain/site.js';
import type { SiteView } from '../domain/site-view.js';

/** Local jobs belong to the host that started them; any other executor can be reached from wherever it is configured. */
const QUEUE_OF = {
  local: (_id, hostId) => localQueue(hostId),
} satisfies Record<ExecutorConfig['kind'], (id: string, hostId: string) => string>;

export const queueOf = (id: string, config: ExecutorConfig, hostId: string): string => (config.kind === 'local' ? QUEUE_OF.local(id, hostId) : executorQueue(id));

/** What workflows get to know of this worker's site: names, roles and limits. */
export function siteViewOf(site: Site, hostId: string): SiteView {
  return {
    ...planSiteOf(site),
    digest: digestOf(site),
    executors: Object.fromEntries(Object.entries(site.executors).map(([id, config]) => [id, { kind: config.kind, queue: queueOf(id, config, hostId), backends: config.backends }])),
    ...(site.operators === undefined ? {} : { operators: site.operators }),
    limits: site.limits,
  };
}
