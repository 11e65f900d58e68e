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
export { ClientError, EXIT_UNREACHABLE, EXIT_USAGE, type ClientErrorInput } from '../client/errors.js';
export { defaultHome } from '../client/home.js';
export type { JobView, RunStatusView, StageView, WaitView } from '../domain/status.js';
