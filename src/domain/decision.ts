import * as z from 'zod';
import { Digest } from './canonical.js';
import { Params } from './job.js';

/** Longest reason that is taken; a longer one is refused, so that nothing a person wrote is cut silently. */
export const MAX_REASON = 2000;

const Word = z.string().min(1).max(100);

/** What a decision is bound to. If one of them changes, the decision is void. */
export const DecisionDigests = z.strictObject({ model: Digest.optional(), evidence: Digest.optional(), policy: Digest.optional() });
export type DecisionDigests = z.infer<typeof DecisionDigests>;

/**
 * A person's answer to a gate: the one payload of the update `decide` and of the signals `approve` and `reject`.
 * `verdict` is one of the gate's choices. `to`, `set` and `input` are what some choices need.
 */
export const Decision = z.strictObject({
  gate: Word.optional(),
  verdict: Word,
  approver: Word.optional(),
  role: Word.optional(),
  reason: z.string().max(MAX_REASON).default(''),
  digests: DecisionDigests.default({}),
  nonce: z.string().min(8).max(100).optional(),
  at: z.iso.datetime().optional(),
  to: Word.optional(),
  set: Params.optional(),
  input: z.strictObject({ name: Word, artifact: Digest }).optional(),
  envelope: z.json().optional(),
});
export type Decision = z.infer<typeof Decision>;

/** How a decision reached the run. A signal has no sender that the server would vouch for. */
export type DecisionRoute = 'update' | 'signal';

const MAX_PAYLOAD = 16_384;

/** UTF-8 is never shorter than UTF-16 code units, so that a huge text is refused before it is encoded. */
function isTooLarge(payload: unknown): boolean {
  const text = JSON.stringify(payload ?? null);
  return text.length > MAX_PAYLOAD || new TextEncoder().encode(text).length > MAX_PAYLOAD;
}

/** Form only: what the update's validator may refuse without leaving an event. Throws with a text for the sender. */
export function assertDecisionForm(raw: unknown): void {
  if (isTooLarge(raw)) throw new TypeError(`a decision of at most ${MAX_PAYLOAD} bytes`);
  const parsed = Decision.safeParse(raw);
  if (!parsed.success) throw new TypeError(`not a decision: ${firstIssue(parsed.error)}`);
}

/**
 * The decision that a signal carries, in any of its forms: the whole payload, `{approver, reason}`, a bare reason, or
 * nothing. The signal's name is the verdict.
 */
export function parseSignal(verdict: 'approve' | 'reject', raw: unknown): { decision: Decision } | { malformed: string } {
  if (raw === undefined || raw === null) return { decision: Decision.parse({ verdict }) };
  if (typeof raw === 'string') return parseFields(verdict, { reason: raw });
  if (typeof raw !== 'object' || Array.isArray(raw)) return { malformed: 'neither a text nor a mapping' };
  if ('verdict' in raw && raw.verdict !== verdict) return { malformed: `the signal ${verdict} carries another verdict` };
  return parseFields(verdict, raw);
}

function parseFields(verdict: string, fields: object): { decision: Decision } | { malformed: string } {
  // Sized first: parsing or keeping ten megabytes of reason is what an attacker would want.
  if (isTooLarge(fields)) return { malformed: `larger than ${MAX_PAYLOAD} bytes` };
  const parsed = Decision.safeParse({ ...fields, verdict });
  return parsed.success ? { decision: parsed.data } : { malformed: firstIssue(parsed.error) };
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? 'unknown form' : `${issue.path.join('.') || 'the payload'}: ${issue.message}`;
}
