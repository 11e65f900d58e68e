import type { Gate, GateOutcome } from '../domain/gate.js';
import type { FailureView } from '../domain/failure.js';
import { stageOf } from '../domain/run-state.js';
import { gateSummary } from '../domain/views.js';
import type { RunContext } from './run-context.js';

/** A gate before it is opened. `deadlineMs` counts from the opening, in milliseconds. */
export type GateQuestion = Omit<Gate, 'opening' | 'openedAt' | 'deadline' | 'counted' | 'outcome' | 'round'> & { deadlineMs: number };

/**
 * Opens a gate and waits until people have settled it or its deadline has passed. Re-entrant: a gate that this stage is
 * waiting at already is taken up with its opening time and the decisions that it has. `onOpen` is carried out, again
 * after continue-as-new, before the wait.
 */
export async function askGate(ctx: RunContext, id: string, stage: string, ask: () => Promise<GateQuestion>, failure?: FailureView, onOpen?: () => Promise<void>): Promise<GateOutcome> {
  if (stageOf(ctx.state, stage).gate !== id) {
    const { deadlineMs, ...question } = await ask();
    const now = Date.now();
    const gate: Gate = {
      ...question,
      round: ctx.state.round,
      opening: (ctx.state.gates[id]?.opening ?? 0) + 1,
      openedAt: new Date(now).toISOString(),
      deadline: new Date(now + deadlineMs).toISOString(),
      counted: [],
    };
    ctx.emit({ type: 'gate_opened', gate, failure });
  }
  await onOpen?.();
  const gate = (): Gate => {
    const current = ctx.state.gates[id];
    if (current === undefined) throw new RangeError(`no gate ${id}`);
    return current;
  };
  const { opening, deadline } = gate();
  const settled = (): boolean => gate().outcome !== undefined;
  await ctx.waitUntil(`gate:${id}:${opening}`, settled, deadline, gateSummary(ctx.state, gate()));
  if (!settled()) ctx.emit({ type: 'gate_expired', gate: id });
  const outcome = gate().outcome;
  if (outcome === undefined) throw new RangeError(`the gate ${id} is neither settled nor expired`);
  return outcome;
}
