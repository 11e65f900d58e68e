/**
 * `modelferry/workflow`: what a pipeline is made of. For the file that a worker bundles: it runs in Temporal's workflow
 * sandbox, so it must be deterministic and may import nothing of Node.js.
 */
export { definePipeline, type Pipeline, type PipelineDefinition, type PipelineRun, type PipelineShape, type RunResult } from '../workflows/pipeline.js';
export { artifact, configured, type Artifact, type FanOutItem, type StageCall, type StageDefinition, type StageFunction, type StageFunctions, type StageInputs, type StageOutputs, type StageResult } from '../workflows/stage.js';
export { jobStage, type JobStageOptions } from '../workflows/stages/job-stage.js';
export { approvalStage, type ApprovalStageOptions } from '../workflows/stages/approval-stage.js';
export { codeStage, type CodeStageOptions } from '../workflows/stages/code-stage.js';
/** The stages of `releaseModel`: what each runs is said by the run's spec. */
export * as releaseStages from '../workflows/stages/index.js';
export { runJob } from '../workflows/run-job.js';
export type { StageJob } from '../workflows/job-attempt.js';
export { askGate as gate, type GateQuestion } from '../workflows/gate.js';
export type { RunContext } from '../workflows/run-context.js';
export { StageTrouble } from '../workflows/stage-trouble.js';
export { failure } from '../temporal-failure.js';
export { deprecatePatch, patched, proxyActivities, type ActivityOptions } from '../workflows/sdk.js';
export { approveSignal, decideUpdate, rejectSignal, stateQuery } from '../workflows/messages.js';
export type { ArtifactRef, ArtifactType, Facets } from '../domain/artifact.js';
export type { FailureKind, FailureView, StopCode } from '../domain/failure.js';
export type { Gate, GateChoice, GateOutcome, GateRole } from '../domain/gate.js';
export type { JobOutcome, Params } from '../domain/job.js';
export type { Consumed, ParamsSchema, PipelineDescription, Produced, StageDescription } from '../domain/pipeline.js';
export type { RunInput } from '../domain/run-input.js';
export type { JobRecord, RunState, StageIdentity, StageState } from '../domain/run-state.js';
export type { JobPlan, JobPlanInput, SectionInput } from '../domain/sections.js';
export type { RunSpec, RunSpecInput } from '../domain/spec.js';
