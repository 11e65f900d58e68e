import { CancellationScope, condition, setHandler } from '@temporalio/workflow';
import { bytesOf } from '../domain/bounds.js';
import { assertDecisionForm, parseSignal, type Decision, type DecisionRoute } from '../domain/decision.js';
import { decideOn, quorumOf, type DecisionAnswer, type DecisionCode, type Gate } from '../domain/gate.js';
import { MAX_OVERRIDES_BYTES, declaredParameters, resolveParameter } from '../domain/overrides.js';
import { nearest } from '../domain/problems.js';
import { isOfThisRound, openGates, sectionName } from '../domain/run-state.js';
import { approveSignal, decideUpdate, rejectSignal, stateQuery } from './messages.js';
import type { PipelineShape } from './pipeline.js';
import type { RunContext } from './run-context.js';

/** Sets every handler of a run. Called before the first await, so that no message finds the run without ears. */
export function listen(ctx: RunContext, shape: PipelineShape): void {
  setHandler(stateQuery, () => ctx.state, { description: 'the whole state of the run' });
  setHandler(
    decideUpdate,
    async (raw) => {
      await afterThisTask();
      return judge(ctx, shape, raw, 'update');
    },
    { validator: assertDecisionForm, description: 'a decision on a gate, answered at once' },
  );
  const signal = (verdict: 'approve' | 'reject') => async (raw?: unknown): Promise<void> => {
    await afterThisTask();
    const parsed = parseSignal(verdict, raw);
    if ('decision' in parsed) judge(ctx, shape, parsed.decision, 'signal');
    else record(ctx, { verdict, reason: '', digests: {} }, 'signal', '(unknown)', refusal(undefined, 'malformed', parsed.malformed));
  };
  setHandler(approveSignal, signal('approve'), { description: 'approve at the open gate: a reason, {approver, reason}, or a whole decision' });
  setHandler(rejectSignal, signal('reject'), { description: 'reject at the open gate: a reason, {approver, reason}, or a whole decision' });
}

/**
 * Lets everything else that the current workflow task brings happen first. A decision may arrive in the same task as
 * the event that opens its gate, and messages are delivered first: without this it would be refused as too early.
 * The condition is asked once at once and again after the task's other jobs, which is when it holds.
 */
async function afterThisTask(): Promise<void> {
  let asked = 0;
  // A run that is being cancelled still answers; in its cancelled scope this would throw, and a signal handler that
  // throws a cancellation closes the run before its jobs have ended.
  await CancellationScope.nonCancellable(() => condition(() => asked++ > 0));
}

const refusal = (gate: Gate | undefined, code: DecisionCode, reason: string): DecisionAnswer => ({ accepted: false, code, reason, quorum: gate === undefined ? {} : quorumOf(gate) });

function judge(ctx: RunContext, shape: PipelineShape, raw: Decision, route: DecisionRoute): DecisionAnswer {
  // An update's payload is judged by the validator on its way in, but defaults are filled in here.
  const decision: Decision = { ...raw, reason: raw.reason ?? '', digests: raw.digests ?? {} };
  if (ctx.closing) return record(ctx, decision, route, decision.gate ?? '(none named)', refusal(undefined, 'closed', `the run ${ctx.state.run} is ending; nothing waits for a decision`));
  const found = findGate(ctx, shape, decision);
  if ('answer' in found) return record(ctx, decision, route, decision.gate ?? '(none named)', found.answer);
  const { gate } = found;
  const wrong = gate.outcome === undefined ? wrongArgument(ctx, shape, gate, decision) : undefined;
  if (wrong !== undefined) return record(ctx, decision, route, gate.id, wrong);
  const { gate: next, answer } = decideOn(gate, decision, ctx.now(), route);
  return record(ctx, decision, route, gate.id, answer, answer.accepted ? next : undefined);
}

function record(ctx: RunContext, decision: Decision, route: DecisionRoute, gate: string, answer: DecisionAnswer, next?: Gate): DecisionAnswer {
  ctx.emit({ type: 'decision_judged', decision, route, gate, answer, next });
  ctx.showDetails();
  return answer;
}

function findGate(ctx: RunContext, shape: PipelineShape, decision: Decision): { gate: Gate } | { answer: DecisionAnswer } {
  const { gates } = ctx.state;
  const wantsApproval = decision.verdict === 'approve' || decision.verdict === 'reject';
  if (decision.gate === undefined) {
    const open = openGates(ctx.state).filter((g) => (g.kind === 'approval') === wantsApproval);
    const only = open.length === 1 ? open[0] : undefined;
    if (only !== undefined) return { gate: only };
    if (open.length > 1) return { answer: refusal(undefined, 'unknown_gate', `several gates are open: name one of ${open.map((g) => g.id).join(', ')}`) };
    const closed = Object.values(gates).filter((g) => (g.kind === 'approval') === wantsApproval && g.outcome !== undefined).at(-1);
    // A round that was sent back has its old gate closed and will open it anew: that is early, not late.
    if (closed !== undefined && (ctx.state.status !== 'running' || isOfThisRound(ctx.state, closed))) return { gate: closed };
    return { answer: refusal(undefined, 'not_open', `no gate waits for this now; ferry status ${ctx.state.run} shows when one does`) };
  }
  // Own gates only: a decision on the gate `constructor` must be refused, not hang the run.
  const gate = Object.hasOwn(gates, decision.gate) ? gates[decision.gate] : undefined;
  if (gate !== undefined && (gate.outcome === undefined || isOfThisRound(ctx.state, gate))) return { gate };
  if (gate !== undefined || shape.gateIds.includes(decision.gate))
    return { answer: refusal(gate, 'not_open', `the gate ${decision.gate} has not opened yet; send the decision when ferry status ${ctx.state.run} shows it`) };
  const meant = nearest(decision.gate, shape.gateIds);
  return { answer: refusal(undefined, 'unknown_gate', `this run has no gate ${decision.gate}${meant === undefined ? '' : `; did you mean ${meant}?`}`) };
}

/** What only the run itself can judge: whether the parameters and inputs that a decision names exist. */
function wrongArgument(ctx: RunContext, shape: PipelineShape, gate: Gate, decision: Decision): DecisionAnswer | undefined {
  const names = Object.keys(decision.set ?? {});
  const unknown = names.find((name) => resolveParameter(ctx.spec, sectionName(ctx.state, gate.stage), name) === undefined);
  const declared = declaredParameters(ctx.spec);
  if (unknown !== undefined) {
    const meant = nearest(unknown, declared.flatMap((path) => [path, path.split('.').at(-1) ?? path]));
    return refusal(gate, 'unknown_parameter', `the spec declares no parameter ${unknown}${meant === undefined ? '' : `; did you mean ${meant}?`} (declared: ${declared.join(', ') || 'none'})`);
  }
  if (bytesOf({ ...ctx.state.overrides, ...decision.set }) > MAX_OVERRIDES_BYTES)
    return refusal(gate, 'unknown_parameter', `all changed parameters of a run together take at most ${MAX_OVERRIDES_BYTES} bytes`);
  const input = decision.input?.name;
  if (input !== undefined && !shape.inputsOf(gate.stage).includes(input)) return refusal(gate, 'unknown_parameter', `the stage ${gate.stage} reads ${shape.inputsOf(gate.stage).join(', ') || 'no input'}, not ${input}`);
  return undefined;
}
