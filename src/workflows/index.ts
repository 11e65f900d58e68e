/** Everything that a worker of the queue `ferry` can run. An export's name is a wire name. */
export { releaseModel } from './release-model.js';
export * from './stage-workflows.js';
export { sweepJobs } from './sweep-jobs.js';
