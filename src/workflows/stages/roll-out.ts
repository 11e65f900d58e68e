import { jobStage } from './job-stage.js';

export const rollOut = jobStage('rollOut');
