import { RELEASE_STAGES } from '../../domain/stage.js';
import { describedApproval } from './approval-stage.js';
import { describedJob } from './job-stage.js';

// The stages of `releaseModel`. Each can stand in a pipeline of one's own; what it runs is said by the run's spec.
export { preflight } from './preflight.js';
export const prepareData = describedJob(RELEASE_STAGES.prepareData, 'bad_data');
export const label = describedJob(RELEASE_STAGES.label, 'bad_data');
export const train = describedJob(RELEASE_STAGES.train, 'numeric_divergence');
export const assessQuality = describedJob(RELEASE_STAGES.assessQuality, 'validation_accuracy');
export const convert = describedJob(RELEASE_STAGES.convert, 'checkpoint_schema_mismatch');
export const validateOnAscend = describedJob(RELEASE_STAGES.validateOnAscend, 'validation_accuracy');
export const approve = describedApproval(RELEASE_STAGES.approve);
export { publish } from './publish.js';
export const rollOut = describedJob(RELEASE_STAGES.rollOut, 'validation_accuracy');
