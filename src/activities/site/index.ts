import type { SiteView } from '../../domain/site-view.js';

export interface SiteActivities {
  /** What a workflow may know of the worker's own site file. */
  readSite(): Promise<SiteView>;
}

export function createSiteActivities(deps: { siteView: SiteView }): SiteActivities {
  return { readSite: async () => deps.siteView };
}
