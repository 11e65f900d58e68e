import { jobStage } from './job-stage.js';

export const train = jobStage('train');
