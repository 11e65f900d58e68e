/**
 * `modelferry/activities`: the activities that pipelines call, as factories that take their dependencies, and what an
 * executor or a store of one's own must be. `modelferry/worker` puts them together.
 */
export type { FerryActivities } from '../activities/index.js';
export { createArtifactActivities, type ArtifactActivities } from '../activities/artifacts/index.js';
export type { ArtifactStore } from '../activities/artifacts/stores/store.js';
export { createStore } from '../activities/artifacts/stores/registry.js';
export { StoreError } from '../engines/artifacts/store-error.js';
export type { StoredFile } from '../engines/artifacts/local-store.js';
export { createJobActivities, type CancelRequest, type JobActivities, type JobDeps } from '../activities/jobs/index.js';
export type { ServerStart } from '../activities/jobs/watch.js';
export { createSweepActivities, type SweepActivities } from '../activities/jobs/sweep.js';
export { ExecutorError, type Executor, type ExecutorDeps, type ExecutorErrorCode, type JobStop, type RenderedJob, type SubmitStep } from '../activities/jobs/executors/executor.js';
export { createExecutor } from '../activities/jobs/executors/registry.js';
/** What an executor renders, keeps between looks and answers; its own plan of a job, not the spec's. */
export type { JobPlan as RenderedPlan } from '../engines/jobs/job-dir.js';
export type { JobFilter, OnDamaged } from '../engines/jobs/list.js';
export type { ObserveMemory } from '../engines/jobs/observe.js';
export type { LogTail } from '../engines/jobs/tail.js';
export { createReleaseActivities, type PublishRequest, type PublishedRelease, type ReleaseActivities } from '../activities/release/index.js';
export { createRunActivities, type ConfirmRequest, type RunActivities } from '../activities/runs/index.js';
export { createSiteActivities, type SiteActivities } from '../activities/site/index.js';
export { beating } from '../activities/guards.js';
export { failure } from '../temporal-failure.js';
export type { JobHandle, JobIdentity, JobListing, JobObservation, JobOutcome, JobRequest, StopReason } from '../domain/job.js';
export type { SiteView } from '../domain/site-view.js';
