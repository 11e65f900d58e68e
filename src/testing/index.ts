/**
 * The rehearsal kit: a pipeline is run by a script, on Temporal's time-skipping server.
 *
 * Real: the workflow's code, reducer, gates, ladder and repair; the `decide` update; the activities, on a scripted executor
 * (one job a key, resume within a round); the store, the proof of approvals from the server's history and the release's
 * layout; continue-as-new.
 * Not real: time, which jumps; processes, their commands, secrets, grace and files; time-outs of watches, and workers
 * that die; damaged checkpoints; schedules, and so the sweep; visibility, of which the server has `describe` alone.
 * docs/testing.md has each difference.
 */
export { createRehearsal, type Rehearsal, type RehearsalOptions, type StartOptions } from './rehearsal.js';
export type { Deployed } from './bundle.js';
export { recordHistory, replayHistories, type RecordOptions, type ReplayOptions } from './histories.js';
export { RehearsalError, type RehearsalErrorCode } from './rehearsal-error.js';
export type { RehearsalOutcome, RehearsalRun, RehearsedJob } from './run.js';
export type { GivenAnswer } from './gate-answers.js';
export type { RehearsalLog } from './test-environment.js';
export type { RunScript } from './script.js';
