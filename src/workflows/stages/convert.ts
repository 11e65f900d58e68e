import { jobStage } from './job-stage.js';

export const convert = jobStage('convert');
