import { jobStage } from './job-stage.js';

export const assessQuality = jobStage('assessQuality');
