/** `modelferry/worker`: a worker put together from a site file, with the package's own pipelines and yours. */
export { startWorker, type RunningWorker, type WorkerSettings } from '../workers/main.js';
export { bundlePipelines } from '../workers/bundle-pipelines.js';
export { createLogger } from '../workers/logger.js';
export { withAbsolutePaths } from '../workers/config.js';
export { loadSite, type LoadedSite, type SiteInput as SiteSource } from '../engines/config/load-site.js';
export { loadPipelines, type LoadedPipelines } from '../engines/config/load-pipelines.js';
export { InvalidDocument, type DocumentFault } from '../engines/config/invalid-document.js';
export type { Site } from '../domain/site.js';
export { loadActivities, type OwnActivities } from '../engines/config/load-activities.js';
