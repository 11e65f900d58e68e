import { WorkflowNotFoundError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError, type Client } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import type { Decision } from '../domain/decision.js';
import type { DecisionAnswer } from '../domain/gate.js';
import { APPROVE, DECIDE, REJECT } from '../domain/names.js';
import { queryState } from './describe.js';
import { ClientError, EXIT_UNREACHABLE, EXIT_USAGE } from './errors.js';
import { lookUp } from './run-record.js';
import { calling, toClientError } from './server-error.js';

/** How long a worker may take before the decision is given up, and how long it may take to answer it. */
const WORKER_TIMEOUT_MS = 10_000;

/** A decision that was left at the server; `accepted` is null because nobody has judged it. */
export interface LeftDecision {
  accepted: null;
  code: 'left';
  reason: string;
  quorum: Record<string, never>;
}

/** A decision on a gate of a run, and how long to wait for a worker that judges it. */
export interface DecideInput {
  client: Client;
  run: string;
  decision: Decision;
  /** Leave the decision as a signal when no worker answers. Only approvals and rejections have one. */
  durable?: boolean;
  /** Default 10 s. */
  timeoutMs?: number;
}

/**
 * Sends a decision and waits for its answer.
 *
 * It makes sure of a worker first, by a query: an update that no worker takes stays in the server's memory after its
 * sender has gone, and a worker that comes minutes later applies it (seen on server 1.32). A query leaves nothing, so
 * that "nothing was recorded" is true.
 * @throws ClientError `no_worker` (exit 4, nothing was recorded), `no_answer` (exit 4, it may have been recorded; safe to
 * repeat), `run_unknown` (exit 2), `no_signal` (exit 2) for a durable decision that no signal can carry.
 */
export async function decide({ client, run, decision: given, durable = false, timeoutMs = WORKER_TIMEOUT_MS }: DecideInput): Promise<DecisionAnswer | LeftDecision> {
  const decision: Decision = { ...given, nonce: given.nonce ?? randomUUID(), at: given.at ?? new Date().toISOString() };
  const { status } = await lookUp(client, run);
  if (status.name !== 'RUNNING') return ended(run, status.name);
  if ((await queryState(client, run, timeoutMs)) === undefined) {
    if (durable) return await leave(client, run, decision);
    throw noWorker(run, isSignal(decision.verdict));
  }
  try {
    return await client.connection.withDeadline(Date.now() + timeoutMs, () => client.workflow.getHandle(run).executeUpdate<DecisionAnswer, [Decision]>(DECIDE, { args: [decision], updateId: decision.nonce }));
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) return { accepted: false, code: 'malformed', reason: error.cause?.message ?? error.message, quorum: {} };
    if (error instanceof WorkflowNotFoundError) return ended(run, 'no longer running');
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) throw noAnswer(run);
    throw toClientError('did not take the decision', error);
  }
}

const isSignal = (verdict: string): verdict is 'approve' | 'reject' => verdict === 'approve' || verdict === 'reject';

async function leave(client: Client, run: string, decision: Decision): Promise<LeftDecision> {
  const { verdict } = decision;
  if (!isSignal(verdict)) throw new ClientError({ code: 'no_signal', message: `No worker answers for ${run}, and only approve and reject can be left as a signal`, hint: 'Start a worker with: ferry worker, then repeat the command', exitCode: EXIT_USAGE });
  const signal = verdict === 'approve' ? APPROVE : REJECT;
  await calling('did not take the signal', () => client.connection.withDeadline(Date.now() + WORKER_TIMEOUT_MS, () => client.workflow.getHandle(run).signal(signal, decision)));
  return { accepted: null, code: 'left', reason: `left at the server as the signal ${verdict}; a worker judges it when it comes. See what became of it with: ferry status ${run}`, quorum: {} };
}

const ended = (run: string, how: string): DecisionAnswer => ({ accepted: false, code: 'closed', reason: `the run ${run} has ended (${how.toLowerCase()}); nothing waits for a decision`, quorum: {} });

function noWorker(run: string, canBeLeft: boolean): ClientError {
  const wait = `Start a worker with: ferry worker, then repeat the command`;
  return new ClientError({
    code: 'no_worker',
    message: `No worker answers for ${run}; nothing was recorded`,
    hint: canBeLeft ? `${wait}; or leave the same decision as a signal: add --durable` : wait,
    exitCode: EXIT_UNREACHABLE,
  });
}

const noAnswer = (run: string): ClientError =>
  new ClientError({
    code: 'no_answer',
    message: `The worker of ${run} went away while it was asked; the decision may still be recorded when one comes back`,
    hint: `See with: ferry status ${run}. Repeating the command is safe: one person's decision counts once`,
    exitCode: EXIT_UNREACHABLE,
  });
