import { RELEASE_STAGES } from '../../domain/stage.js';
import { describedApproval } from './approval-stage.js';
import { describedJob } from './job-stage.js';

// The stages of `releaseModel`. Each can stand in a pipeline of one's own; what it runs is said by the run's spec.
export { preflight } from './preflight.js';
/** Makes the dataset. A verdict that is no pass means `bad_data`. */
export const prepareData = describedJob(RELEASE_STAGES.prepareData, 'bad_data');
/** Labels the dataset. A verdict that is no pass means `bad_data`. */
export const label = describedJob(RELEASE_STAGES.label, 'bad_data');
/** Trains on a ladder of backends. A verdict that is no pass means `numeric_divergence`. */
export const train = describedJob(RELEASE_STAGES.train, 'numeric_divergence');
/** Measures a checkpoint against a declared bar. */
export const assessQuality = describedJob(RELEASE_STAGES.assessQuality, 'validation_accuracy');
/** Converts a checkpoint into the model that is served. A verdict that is no pass means `checkpoint_schema_mismatch`. */
export const convert = describedJob(RELEASE_STAGES.convert, 'checkpoint_schema_mismatch');
/** Compares the model, served, with the reference. */
export const validateOnAscend = describedJob(RELEASE_STAGES.validateOnAscend, 'validation_accuracy');
/** Asks people whether the model may be released. */
export const approve = describedApproval(RELEASE_STAGES.approve);
export { publish } from './publish.js';
/** Rolls out what was published. */
export const rollOut = describedJob(RELEASE_STAGES.rollOut, 'validation_accuracy');
