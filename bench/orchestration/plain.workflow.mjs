// Five stages that do nothing as a bare Temporal workflow, in a bundle of its own: it must not pay for loading ours.
import { proxyActivities } from '@temporalio/workflow';

const { noop } = proxyActivities({ startToCloseTimeout: '10 seconds' });

export async function plain() {
  for (const stage of ['one', 'two', 'three', 'four', 'five']) await noop(stage);
}
