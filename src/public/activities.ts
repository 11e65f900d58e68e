/**
 * `modelferry/activities`: the activities that pipelines call, as factories that take their dependencies, and what an
 * executor of one's own must be. `modelferry/worker` puts them together.
 */
export type { FerryActivities } from '../activities/index.js';
export { createArtifactActivities, type ArtifactActivities } from '../activities/artifacts/index.js';
export type { ArtifactStore } from '../activities/artifacts/stores/store.js';
export { createJobActivities, type CancelRequest, type JobActivities, type JobDeps } from '../activities/jobs/index.js';
export { createSweepActivities, type SweepActivities } from '../activities/jobs/sweep.js';
export { ExecutorError, type Executor, type ExecutorDeps, type ExecutorErrorCode, type JobStop, type RenderedJob } from '../activities/jobs/executors/executor.js';
export { createReleaseActivities, type PublishRequest, type PublishedRelease, type ReleaseActivities } from '../activities/release/index.js';
export { createRunActivities, type ConfirmRequest, type RunActivities } from '../activities/runs/index.js';
export { createSiteActivities, type SiteActivities } from '../activities/site/index.js';
export { beating } from '../activities/guards.js';
export { failure } from '../temporal-failure.js';
export type { JobHandle, JobIdentity, JobListing, JobObservation, JobOutcome, JobRequest } from '../domain/job.js';
