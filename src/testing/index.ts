export { createRehearsal, type Rehearsal, type RehearsalOptions, type StartOptions } from './rehearsal.js';
export { RehearsalError, type RehearsalErrorCode } from './rehearsal-error.js';
export type { RehearsalOutcome, RehearsalRun, RehearsedJob } from './run.js';
export type { GivenAnswer } from './gate-answers.js';
export type { RunScript } from './script.js';
