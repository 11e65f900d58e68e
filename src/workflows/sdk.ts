/** What pipelines need of the SDK itself. From here, since a project's own copy of the SDK would not know of the run. */
export { deprecatePatch, patched, proxyActivities, type ActivityOptions } from '@temporalio/workflow';
