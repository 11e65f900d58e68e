import { jobStage } from './job-stage.js';

export const validateOnAscend = jobStage('validateOnAscend');
