import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { isSameVersion, parseVersion, type Versioning, type WorkerVersion } from '../domain/deployment.js';
import { WORKFLOW_QUEUE } from '../domain/ids.js';
import { IS_RUN } from './run-record.js';
import { calling } from './server-error.js';

/** How long a server may take to tell it all. */
const TIMEOUT_MS = 10_000;
const TASK_QUEUE_TYPE_WORKFLOW = 1;
/** A worker without a version may have a build id all the same. */
const MODE_VERSIONED = 2;
/** So many runs of other versions are looked at: a page of the server's, and more than a person reads. */
export const MAX_RUNS = 1000;

/** An open run by the version that carried out its last task. */
export interface CarriedRun {
  run: string;
  version: WorkerVersion;
  /** `pinned`: only this version may go on with it. `auto-upgrade`: its next task goes to the current version. */
  versioning: Versioning;
}

export interface QueuePoller {
  identity: string;
  /** Null for a worker without a version. */
  version: WorkerVersion | null;
  /** In ISO 8601 UTC. The server lists a poller for minutes after its last poll. */
  lastPolledAt: string;
}

export interface VersionsInUse {
  /** Where the server sends new runs, and the next task of those that are not pinned; null: to workers without a version. */
  current: WorkerVersion | null;
  /** A share of them, in percent, that goes to another version meanwhile. */
  ramping: { version: WorkerVersion | null; percentage: number } | null;
  pollers: QueuePoller[];
  /** Open runs that another version than the current one carried last, at most `MAX_RUNS`. */
  runs: CarriedRun[];
  /** Whether there are more of them. */
  more: boolean;
}

/**
 * Which versions of workers the server knows on the queue `ferry`, and which open runs are with another than the current
 * one.
 * @throws ClientError for what the server answers.
 */
export async function versionsInUse(client: Client): Promise<VersionsInUse> {
  const { namespace } = client.options;
  return await calling('did not tell the versions of the workers', () =>
    client.connection.withDeadline(Date.now() + TIMEOUT_MS, async () => {
      const { pollers, versioningInfo } = await client.workflowService.describeTaskQueue({ namespace, taskQueue: { name: WORKFLOW_QUEUE }, taskQueueType: TASK_QUEUE_TYPE_WORKFLOW });
      const current = versionOf(versioningInfo?.currentDeploymentVersion);
      const percentage = versioningInfo?.rampingVersionPercentage ?? 0;
      const { runs, more } = await runsOfOthers(client, current);
      return {
        current,
        ramping: percentage > 0 ? { version: versionOf(versioningInfo?.rampingDeploymentVersion), percentage } : null,
        pollers: (pollers ?? []).map(({ identity, deploymentOptions, lastAccessTime }) => ({
          identity: identity ?? 'unnamed',
          version: deploymentOptions?.workerVersioningMode === MODE_VERSIONED ? versionOf(deploymentOptions) : null,
          lastPolledAt: new Date(Number(lastAccessTime?.seconds ?? 0) * 1000).toISOString(),
        })),
        runs,
        more,
      };
    }),
  );
}

/** Only the server can leave out those of the current version: where thousands of runs are open, the few would not be in a page. */
async function runsOfOthers(client: Client, current: WorkerVersion | null): Promise<Pick<VersionsInUse, 'runs' | 'more'>> {
  const others = current === null ? '' : ` AND TemporalWorkerDeploymentVersion != '${`${current.name}:${current.buildId}`.replace(/[\\']/g, '\\$&')}'`;
  const query = `${IS_RUN} AND ExecutionStatus = 'Running' AND TemporalWorkerDeploymentVersion IS NOT NULL${others}`;
  const runs: CarriedRun[] = [];
  for await (const info of client.workflow.list({ query, pageSize: MAX_RUNS })) {
    if (runs.length === MAX_RUNS) return { runs, more: true };
    const version = parseVersion(attribute(info, 'TemporalWorkerDeploymentVersion'));
    if (version !== undefined && !isSameVersion(version, current)) runs.push({ run: info.workflowId, version, versioning: attribute(info, 'TemporalWorkflowVersioningBehavior') === 'Pinned' ? 'pinned' : 'auto-upgrade' });
  }
  return { runs, more: false };
}

/** A search attribute of the server's own; empty where a run has none. */
function attribute(info: Pick<WorkflowExecutionInfo, 'typedSearchAttributes'>, name: string): string {
  const value = info.typedSearchAttributes.getAll().find(({ key }) => key.name === name)?.value;
  return typeof value === 'string' ? value : '';
}

function versionOf(version: { deploymentName?: string | null; buildId?: string | null } | null | undefined): WorkerVersion | null {
  return version?.deploymentName && version.buildId ? { name: version.deploymentName, buildId: version.buildId } : null;
}
