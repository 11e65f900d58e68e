import type { SiteView } from '../../domain/site-view.js';

/** What workflows ask of the site; run as local activities. */
export interface SiteActivities {
  /** What a workflow may know of the worker's own site file. */
  readSite(): Promise<SiteView>;
}

/** The activity over a site that was read when the worker started. */
export function createSiteActivities(deps: { siteView: SiteView }): SiteActivities {
  return { readSite: async () => deps.siteView };
}
