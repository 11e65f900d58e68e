import type { Client } from '@temporalio/client';
import { versionText, type WorkerVersion } from '../domain/deployment.js';
import { grpcStatus } from './connect.js';
import { ClientError, EXIT_UNREACHABLE, messageOf } from './errors.js';
import { toClientError } from './server-error.js';

/** A new version is known about a second after its first poll; a server under load takes longer. */
const KNOWN_TIMEOUT_MS = 60_000;
const POLL_MS = 500;
const CALL_TIMEOUT_MS = 10_000;

const GRPC = { notFound: 5, failedPrecondition: 9, aborted: 10 } as const;

export interface MakeCurrentInput {
  client: Client;
  version: WorkerVersion;
  /** `new`: only a version that never had runs. `always`: also one that ramps or was replaced. */
  when: 'new' | 'always';
  /** Ends the waiting: the answer is then `interrupted`. */
  signal: AbortSignal;
  /** How long the server may take to know the version. Default 60 s. */
  withinMs?: number;
}

/**
 * `made`: it is current now, `already`: it was before. `left`: it ramps or another version replaced it, and `when` is
 * `new`: an old worker that is only started again must not take the runs back from its successor.
 */
export type MadeCurrent = 'made' | 'already' | 'left' | 'interrupted';

/**
 * Makes a version whose workers poll the current one of its deployment, as soon as the server knows it.
 * @throws ClientError `not_current` when the server does not take it within the time, `unauthorized`, `unreachable`.
 */
export async function makeCurrent({ client, version, when, signal, withinMs = KNOWN_TIMEOUT_MS }: MakeCurrentInput): Promise<MadeCurrent> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    if (signal.aborted) return 'interrupted';
    try {
      return await client.connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, () => tryOnce(client, version, when));
    } catch (error) {
      if (!isTooEarly(error)) throw toClientError(`did not make ${versionText(version)} current`, error);
      if (Date.now() >= deadline) throw notTaken(client, version, error);
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

async function tryOnce(client: Client, { name: deploymentName, buildId }: WorkerVersion, when: MakeCurrentInput['when']): Promise<MadeCurrent> {
  const { namespace } = client.options;
  const { workerDeploymentInfo: info, conflictToken } = await client.workflowService.describeWorkerDeployment({ namespace, deploymentName });
  const known = info?.versionSummaries?.find(({ deploymentVersion }) => deploymentVersion?.buildId === buildId);
  if (info?.routingConfig?.currentDeploymentVersion?.buildId === buildId) return 'already';
  if (when === 'new' && known?.firstActivationTime != null) return 'left';
  // With the token, a version that somebody else makes current in between is looked at before it is replaced.
  await client.workflowService.setWorkerDeploymentCurrentVersion({ namespace, deploymentName, buildId, conflictToken });
  return 'made';
}

/** The pollers have not come to the server yet, or the deployment has changed since it was looked at. */
function isTooEarly(error: unknown): boolean {
  const status = grpcStatus(error);
  return status === GRPC.notFound || status === GRPC.failedPrecondition || status === GRPC.aborted;
}

function notTaken(client: Client, version: WorkerVersion, cause: unknown): ClientError {
  return new ClientError({
    code: 'not_current',
    message: `The server does not take ${versionText(version)} as the current version: ${messageOf(cause instanceof Error && 'details' in cause && cause.details !== '' ? cause.details : cause)}`,
    hint: `See what it knows with: temporal worker deployment describe --namespace ${client.options.namespace} --name ${version.name}`,
    exitCode: EXIT_UNREACHABLE,
    cause,
  });
}
