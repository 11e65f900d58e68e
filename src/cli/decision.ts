import { randomUUID } from 'node:crypto';
import { decide, type LeftDecision } from '../client/decide.js';
import { describeRun } from '../client/describe.js';
import { Decision } from '../domain/decision.js';
import type { DecisionAnswer } from '../domain/gate.js';
import type { RunStatusView, WaitView } from '../domain/status.js';
import { oneLine, shellQuote } from '../domain/text.js';
import { confirm } from './ask.js';
import type { CliContext } from './context.js';
import { EXIT, UsageError } from './errors.js';
import { currentUser } from './options.js';
import { makeStyle } from './render/style.js';
import { moment } from './render/status.js';
import { withServer } from './server.js';

/** A decision before the run was looked at: `gate` and digests come from what the run shows. */
export interface DecisionCall {
  run: string;
  /** Which gates the command answers, when none is named. */
  kinds: readonly WaitView['kind'][];
  gate?: string;
  decision: Pick<Decision, 'verdict' | 'reason' | 'role' | 'to' | 'set' | 'input'>;
  /** Default: who is at the keyboard. */
  as?: string;
  yes: boolean;
  durable: boolean;
}

/** How long a worker may take to show what is being decided on; with `--durable` its absence is no obstacle. */
const LOOK_TIMEOUT_MS = 10_000;
const LOOK_TIMEOUT_DURABLE_MS = 2000;
/** When the look got no answer in ten seconds already. */
const SECOND_TRY_MS = 500;

export interface DecisionReport {
  answer: DecisionAnswer | LeftDecision;
  gate: string | null;
  exitCode: number;
}

/** Shows what is decided, asks where somebody can answer, sends it and tells what came of it. */
export async function decideAndReport(context: CliContext, call: DecisionCall): Promise<DecisionReport> {
  const approver = call.as ?? currentUser(context);
  return await withServer(context, async ({ client, ui }) => {
    const view = await describeRun({ client, run: call.run, ui, timeoutMs: call.durable ? LOOK_TIMEOUT_DURABLE_MS : LOOK_TIMEOUT_MS });
    const wait = view.waitingOn.find((w) => (call.gate === undefined ? call.kinds.includes(w.kind) : w.gate === call.gate));
    const decision = checked({ ...call.decision, gate: call.gate ?? wait?.gate, approver, digests: wait?.digests ?? {}, nonce: randomUUID() });
    if (!context.json) context.stderr.write(`${decisionLines(view, wait, decision, context).join('\n')}\n`);
    if (context.canAsk && !call.yes && !(await confirm(`Send this ${decision.verdict}?`, context))) throw new UsageError('Nothing was sent', `The run still waits: ferry status ${shellQuote(call.run)}`, [], 'not_confirmed');
    const answer = await decide({ client, run: call.run, decision, durable: call.durable, ...(view.source === 'visibility' && view.endedAt === null ? { timeoutMs: SECOND_TRY_MS } : {}) });
    return { answer, gate: decision.gate ?? null, exitCode: answer.accepted === false ? EXIT.negative : EXIT.done };
  });
}

/** The form is checked here first: what the server would refuse as malformed is told by its option. */
function checked(raw: unknown): Decision {
  const parsed = Decision.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the decision'}: ${message}`);
  throw new UsageError(`This is no decision: ${issues.join('; ')}`, 'Shorten or correct it; nothing was sent', [], 'malformed');
}

/** What is about to be sent, for whoever sends it. */
export function decisionLines(view: RunStatusView, wait: WaitView | undefined, decision: Decision, context: Pick<CliContext, 'color'>): string[] {
  const style = makeStyle(context.color);
  const isApproval = decision.verdict === 'approve' || decision.verdict === 'reject';
  const digests = Object.entries(decision.digests).map(([name, digest]) => `  ${name.padEnd(9)} ${digest}`);
  // The evidence names the model by its digest as well.
  const evidence = (wait?.evidence ?? []).filter((line) => !Object.entries(decision.digests).some(([name, digest]) => line === `${name}: ${digest}`));
  const unbound = view.endedAt === null ? 'not bound to digests: none could be read' : `the run has ended (${view.state}): it takes no decision any more`;
  return [
    style.bold(`${decision.verdict} ${oneLine(`${view.model} ${view.version}`, 200)} (run ${view.run})${decision.gate === undefined ? '' : ` at ${decision.gate}`}`),
    ...(wait?.question === undefined || wait.question === null ? [] : [`  ${oneLine(wait.question, 500)}`]),
    ...evidence.map((line) => `  - ${oneLine(line, 500)}`),
    ...(wait?.deadline === undefined || wait.deadline === null ? [] : [`  until ${moment(wait.deadline)}`]),
    ...(digests.length > 0 || !isApproval ? digests : [`  ${unbound}`]),
    `  as ${decision.approver ?? '?'}${decision.role === undefined ? '' : ` (${decision.role})`}: ${oneLine(decision.reason, 500) || 'no reason given'}`,
    style.yellow('  the identity is asserted, not verified'),
  ];
}

/** What came of it, for people. */
export function answerLines({ answer }: DecisionReport, run: string): string[] {
  const quorum = Object.entries(answer.quorum as DecisionAnswer['quorum']).map(([role, { have, need }]) => `${role} ${have} of ${need}`);
  const word = answer.accepted === null ? 'left' : answer.accepted ? 'accepted' : `refused (${answer.code})`;
  return [`${word}: ${oneLine(answer.reason, 1000)}${quorum.length === 0 ? '' : `; ${quorum.join(', ')}`}`, `→ ferry status ${shellQuote(run)}`];
}
