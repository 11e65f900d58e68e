import { jobStage } from './job-stage.js';

export const prepareData = jobStage('prepareData');
