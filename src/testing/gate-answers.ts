import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { decide } from '../client/decide.js';
import { isDeadline, isInvalidArgument } from '../client/server-error.js';
import type { DecisionAnswer, Gate } from '../domain/gate.js';
import { STATE } from '../domain/names.js';
import { upgradeState } from '../domain/run-state.js';
import { broken } from './rehearsal-error.js';
import type { ScriptInUse } from './script.js';
import type { SkippedTime } from './skipped-time.js';

/** The wall clock's bound on one question to the run's worker, which is in this process. */
const QUERY_TIMEOUT_MS = 10_000;

/** An answer that the script gave, and what the run said to it. */
export interface GivenAnswer {
  gate: string;
  verdict: string;
  /** In ISO 8601 UTC, by the skipped clock. */
  at: string;
  answer: DecisionAnswer;
}

export interface AnsweringInput {
  client: Client;
  clock: SkippedTime;
  run: string;
  script: ScriptInUse;
  gate: string;
  /** Aborted when the run has ended: answers that were still to come stay unused. */
  ended: AbortSignal;
  onAnswer: (given: GivenAnswer) => void;
}

/**
 * Answers a gate that has just opened, by the update that `ferry approve` sends, until it is settled or the script has no
 * more answers. The caller holds the clock; time passes only while an answer is waited for.
 */
export async function answerGate(input: AnsweringInput): Promise<void> {
  const { clock, run, script, gate: id, ended, client } = input;
  for (let next = script.nextAnswer(id); next !== undefined; next = script.nextAnswer(id)) {
    const { after, ...answer } = next;
    const fromMs = await clock.now();
    if (!(await clock.sleepUntil(fromMs + after, { signal: ended, fromMs }))) return;
    const at = new Date(await clock.now()).toISOString();
    const digests = { ...(await gateOf(input))?.digests, ...answer.digests };
    if (ended.aborted) return;
    const said = await decide({ client, run, decision: { ...answer, gate: id, digests, at }, timeoutMs: QUERY_TIMEOUT_MS });
    if (said.accepted === null || (ended.aborted && said.code === 'closed')) return;
    script.answered(id);
    input.onAnswer({ gate: id, verdict: answer.verdict, at, answer: said });
    // Settled: what the script has left is for when the gate opens again.
    if ((await gateOf(input))?.outcome !== undefined) return;
  }
}

async function gateOf({ client, run, gate }: AnsweringInput): Promise<Gate | undefined> {
  try {
    return upgradeState(await client.connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => client.workflow.getHandle(run).query(STATE))).gates[gate];
  } catch (error) {
    // The task of a query is not written down when it fails, and the query is asked only once: its error is all there is.
    if (error instanceof Error && isInvalidArgument(error)) throw broken(run, error.message);
    if (error instanceof WorkflowNotFoundError || isDeadline(error)) return undefined;
    throw error;
  }
}
