import { jobStage } from './job-stage.js';

export const label = jobStage('label');
