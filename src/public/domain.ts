/** `modelferry/domain`: schemas, types and rules, all pure: they run in the workflow sandbox, in Node.js and in a browser. */
export { ArtifactKind, ArtifactRef, ArtifactType, Facets, Manifest, misfits, typeOf } from '../domain/artifact.js';
export { canonicalJson, digestOf, Digest } from '../domain/canonical.js';
export { Decision } from '../domain/decision.js';
export { Duration, formatDuration, parseDuration } from '../domain/duration.js';
export { FAILURES, STOPS, type FailureAction, type FailureKind, type FailureOwner, type FailureRule, type FailureView, type StopCode } from '../domain/failure.js';
export { decideOn, quorumOf, type DecisionAnswer, type DecisionCode, type Gate, type GateKind, type GateOutcome, type GateRole, type Quorum } from '../domain/gate.js';
export { RunId, RunUid, jobKey, parseJobKey } from '../domain/ids.js';
export { Backend, ExecutorKind, JobExit, JobHandle, JobIdentity, JobObservation, JobOutcome, JobProgress, JobRequest, Params } from '../domain/job.js';
export { PipelineDescription, type Consumed, type Produced, type SectionKind, type StageDescription } from '../domain/pipeline.js';
export { planOf, planSiteOf, siteProblems, type PlanSite, type RunPlan } from '../domain/plan.js';
export type { Problem } from '../domain/problems.js';
export { JobPlan, ServerPlan, type JobPlanInput, type Section, type SectionInput } from '../domain/sections.js';
export { Site, type SiteInput } from '../domain/site.js';
export { RunSpec, pipelineOf, runSpecOf, type Pipelines, type RunSpecInput } from '../domain/spec.js';
export { BUILT_IN_PIPELINES, RELEASE_PIPELINE } from '../domain/stage.js';
export { artifactsOf, type JobRecord, type RunState, type StageState } from '../domain/run-state.js';
export type { RunInput } from '../domain/run-input.js';
export { statusOf, type JobView, type RunStatusView, type StageView, type WaitView } from '../domain/status.js';
