/** Wire names. Open runs and users' scripts depend on them: a test holds them. */

/** Workflow types, by name: clients and workers start them without loading their code. */
export const RELEASE_MODEL = 'releaseModel';
export const SWEEP_JOBS = 'sweepJobs';

/** A run's messages: the update, the two signals and the query. */
export const DECIDE = 'decide';
export const APPROVE = 'approve';
export const REJECT = 'reject';
export const STATE = 'state';
