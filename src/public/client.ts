/** `modelferry/client`: start, describe, list and decide on runs. Nothing here prints; what goes wrong is a ClientError. */
export { connect, resolveTarget, type FerryConnection, type Target, type TargetInput } from '../client/connect.js';
export { startRun, type SpecStore, type StartInput, type StartedRun } from '../client/start.js';
export { describeRun, type DescribeInput } from '../client/describe.js';
export { listRuns, type ListInput, type RunListing } from '../client/list.js';
export { decide, type DecideInput, type LeftDecision } from '../client/decide.js';
export { cancelRun, type CancelAnswer } from '../client/cancel.js';
export { resumeRun, type ResumeInput, type ResumedRun } from '../client/resume.js';
export { jobsOfRun } from '../client/jobs.js';
export { ensureSearchAttributes } from '../client/search-attributes.js';
export { ClientError, type ClientErrorInput } from '../client/errors.js';
export { defaultHome, type Env } from '../client/home.js';
// From a file to what startRun takes: the spec with its pipeline, and a store for the files that it names.
export { loadSpec, type LoadedSpec } from '../engines/config/load-spec.js';
export { loadPipelines, type LoadedPipelines } from '../engines/config/load-pipelines.js';
export { loadSite, storeDirOf, type LoadedSite, type SiteInput as SiteSource } from '../engines/config/load-site.js';
export { specStore } from '../engines/config/spec-store.js';
export { LocalStore } from '../engines/artifacts/local-store.js';
export { StoreError } from '../engines/artifacts/store-error.js';
export { InvalidDocument, type DocumentFault } from '../engines/config/invalid-document.js';
export type { Packed } from '../engines/config/pack-sources.js';
export type { Decision } from '../domain/decision.js';
export type { DecisionAnswer, Quorum } from '../domain/gate.js';
export type { Problem } from '../domain/problems.js';
export type { JobView, RunStatusView, StageView, WaitView } from '../domain/status.js';
