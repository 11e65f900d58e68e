import * as z from 'zod';
import { Duration, formatDuration } from '../domain/duration.js';
import { Decision } from '../domain/decision.js';
import { formatPath } from '../domain/problems.js';
import { VerdictValue } from '../domain/reports/verdict.js';
import { RehearsalError } from './rehearsal-error.js';

/** A thousand lines a job are more than a person writes, and each is a step of the server's clock. */
const MAX_LINES = 1000;
const MAX_ENTRIES = 10_000;

/** A line of a job's progress file, with when it is written: counted from the job's start. */
const ProgressLine = z.strictObject({
  at: Duration,
  step: z.number().optional(),
  total: z.number().optional(),
  metrics: z.record(z.string().max(64), z.number()).optional(),
  phase: z.string().max(40).optional(),
  verdict: z.strictObject({ value: VerdictValue, reasons: z.array(z.string().max(300)).max(5).default([]) }).optional(),
  /** A whole checkpoint: progress for the budget of failures, and what a later attempt resumes from. */
  checkpoint: z.strictObject({ step: z.number(), format: z.string().max(40).optional() }).optional(),
  /** A server's ready line. */
  ready: z.literal(true).optional(),
  /** A line of the job's log. */
  says: z.string().max(500).optional(),
});
export type ProgressLine = z.infer<typeof ProgressLine>;

/** The files of an output by their paths; a text alone is the one file `data`. */
const OutputContent = z.union([z.string(), z.record(z.string().regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'a relative path').refine((path) => !path.split('/').includes('..'), 'no ..'), z.string())]);
export type OutputContent = z.infer<typeof OutputContent>;

/** How a job ends: with an exit code, without a trace, or not by itself. */
const JobEnd = z.union([
  z.strictObject({
    exit: z.number().int().min(0).max(255),
    /** With exit 0; default: every output that the stage must have, with a content of its own. */
    outputs: z.record(z.string(), OutputContent).optional(),
    says: z.string().max(500).optional(),
  }),
  z.enum(['lost', 'hangs']),
]);

/** One job from its start to its end. */
const ScriptedJob = z
  .strictObject({
    runs: Duration.prefault('1 minute'),
    progress: z.array(ProgressLine).max(MAX_LINES).default([]),
    ends: JobEnd.default({ exit: 0 }),
  })
  .superRefine(({ runs, progress, ends }, context) => {
    for (const [i, { at }] of progress.entries())
      if (ends !== 'hangs' && at > runs) context.addIssue({ code: 'custom', path: ['progress', i, 'at'], message: `at most ${formatDuration(runs)}, when the job ends` });
  });
export type JobScript = z.infer<typeof ScriptedJob>;

/** A person's answer at a gate, `after` the gate has opened or the answer before it was given. */
const GateAnswer = Decision.pick({ verdict: true, approver: true, role: true, reason: true, digests: true, to: true, set: true, input: true }).extend({ after: Duration.prefault('1 hour') });
export type GateAnswer = z.infer<typeof GateAnswer>;

const Script = z.strictObject({
  /** By stage, one entry for each job of it in the order of their starts; servers as `validateOnAscend.reference`, items as `evaluate-mmlu` or all of them as `evaluate`. A stage that is not named does its work in a minute. */
  jobs: z.record(z.string(), z.array(ScriptedJob).max(MAX_ENTRIES)).default({}),
  /** By gate: `approve`, or `repair.` and the stage. A gate that nobody answers runs into its deadline. */
  gates: z.record(z.string(), z.array(GateAnswer).max(MAX_ENTRIES)).default({}),
});
/** What happens to a run: how its jobs go and what people answer. Durations are texts such as `3 hours`. */
export type RunScript = z.input<typeof Script>;

/** What a stage does that the script does not name. A server that nobody scripts is ready after a minute and serves until it is stopped. */
const UNNAMED_JOB: JobScript = ScriptedJob.parse({});
const UNNAMED_SERVER: JobScript = ScriptedJob.parse({ progress: [{ at: '1 minute', ready: true }], ends: 'hangs' });

/** A script while a run is carried out by it: entries are taken in their order, and what is left over can be told. */
export class ScriptInUse {
  readonly #jobs: ReadonlyMap<string, readonly JobScript[]>;
  readonly #gates: ReadonlyMap<string, readonly GateAnswer[]>;
  readonly #taken = new Map<string, number>();

  /** @throws RehearsalError `script_invalid` */
  constructor(script: RunScript) {
    const parsed = Script.safeParse(script);
    if (!parsed.success) throw new RehearsalError('script_invalid', `The script of the run is not valid: ${parsed.error.issues.slice(0, 5).map((issue) => `${formatPath(issue.path)}: ${issue.message}`).join('; ')}`);
    this.#jobs = new Map(Object.entries(parsed.data.jobs));
    this.#gates = new Map(Object.entries(parsed.data.gates));
  }

  /**
   * The entry of the next job of a stage or server. `fanOut` is the stage whose item it is: an item that has no entries of
   * its own goes by those, from the first one on, as each other item does.
   * @throws RehearsalError `unscripted` when all are used up.
   */
  takeJob({ name, fanOut, isServer }: { name: string; fanOut?: string; isServer: boolean }): JobScript {
    const listed = fanOut !== undefined && !this.#jobs.has(name) ? fanOut : name;
    const entries = this.#jobs.get(listed);
    if (entries === undefined) return isServer ? UNNAMED_SERVER : UNNAMED_JOB;
    const index = this.#take(`jobs.${name}`);
    const entry = entries[index];
    if (entry === undefined) throw new RehearsalError('unscripted', `${name} started its job ${index + 1}, and the script has ${entries.length} under jobs.${listed}; add an entry, or leave ${listed} out to have all of its jobs succeed`);
    if (listed !== name) this.#taken.set(`jobs.${listed}`, Math.max(index + 1, this.#taken.get(`jobs.${listed}`) ?? 0));
    return entry;
  }

  hasAnswer(gate: string): boolean {
    return (this.#taken.get(`gates.${gate}`) ?? 0) < (this.#gates.get(gate)?.length ?? 0);
  }

  /** The answer that comes next at a gate; it counts as used once `answered`. */
  nextAnswer(gate: string): GateAnswer | undefined {
    return this.#gates.get(gate)?.[this.#taken.get(`gates.${gate}`) ?? 0];
  }

  answered(gate: string): void {
    this.#take(`gates.${gate}`);
  }

  /** Paths of the entries that nothing has happened for: `jobs.train[3]`. */
  unused(): string[] {
    const left = (kind: string, all: ReadonlyMap<string, readonly unknown[]>): string[] =>
      [...all].flatMap(([name, entries]) => entries.flatMap((_, i) => (i < (this.#taken.get(`${kind}.${name}`) ?? 0) ? [] : [`${kind}.${name}[${i}]`])));
    return [...left('jobs', this.#jobs), ...left('gates', this.#gates)];
  }

  #take(what: string): number {
    const index = this.#taken.get(what) ?? 0;
    this.#taken.set(what, index + 1);
    return index;
  }
}
