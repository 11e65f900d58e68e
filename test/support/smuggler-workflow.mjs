import { makeContinueAsNewFunc } from '@temporalio/workflow';

export async function smuggler(input, queue) {
  await makeContinueAsNewFunc({ workflowType: 'releaseModel', taskQueue: queue })(input);
}
