/** Workflow types, by name: clients and workers start them without loading their code. */
export const RELEASE_MODEL = 'releaseModel';
export const SWEEP_JOBS = 'sweepJobs';
