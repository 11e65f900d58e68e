import type { CheckpointRecord, JobExit, JobHandle, JobObservation, JobProgress, JobRequest, StopReason } from '../domain/job.js';
import type { ArtifactRef } from '../domain/artifact.js';
import { digestOf } from '../domain/digest.js';
import type { JobScript, OutputContent, ProgressLine } from './script.js';

/** Puts an output into the store of the rehearsal. */
export type KeepOutput = (kind: string, content: OutputContent, annotations?: Record<string, string>) => Promise<ArtifactRef>;

export interface ScriptedJobInput {
  request: JobRequest;
  handle: JobHandle;
  script: JobScript;
  /** Which job of its stage it is, counted from 1. */
  ordinal: number;
  startedAtMs: number;
  resume?: CheckpointRecord;
  passedOver: string[];
  keep: KeepOutput;
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** One job as its script has it: what has happened by a time, and when something happens next. It never looks at a clock. */
export class ScriptedJob {
  readonly request: JobRequest;
  readonly handle: JobHandle;
  readonly startedAtMs: number;
  /** Oldest first. */
  readonly log: string[] = [];
  /** Every checkpoint that it published, oldest first. */
  readonly checkpoints: CheckpointRecord[] = [];
  /** Aborted once it has ended: whoever waits for it wakes up. */
  readonly ended = new AbortController();
  readonly #input: ScriptedJobInput;
  #seen: JobObservation;
  #lines: ProgressLine[];
  #ending: Promise<void> | undefined;

  constructor(input: ScriptedJobInput) {
    const { request, handle, script, startedAtMs, resume, passedOver } = input;
    this.#input = input;
    this.request = request;
    this.handle = handle;
    this.startedAtMs = startedAtMs;
    this.#lines = [...script.progress].sort((a, b) => a.at - b.at);
    this.#seen = {
      state: 'running',
      observation: 'ok',
      starts: 1,
      ...(passedOver.length > 0 && { passedOver }),
      ...(resume !== undefined && { resumedFrom: { step: resume.step, attempt: resume.attempt } }),
    };
  }

  get seen(): JobObservation {
    return this.#seen;
  }

  get isReady(): boolean {
    return this.#seen.progress?.readyUrl !== undefined;
  }

  /** When something happens next by the script, in milliseconds since 1970; undefined when nothing will. */
  nextAtMs(): number | undefined {
    if (this.ended.signal.aborted) return undefined;
    const line = this.#lines[0];
    const { ends, runs } = this.#input.script;
    if (line !== undefined) return this.startedAtMs + line.at;
    return ends === 'hangs' ? undefined : this.startedAtMs + runs;
  }

  /** Lets everything happen that is due by `nowMs`. */
  async advanceTo(nowMs: number): Promise<void> {
    while (this.#lines[0] !== undefined && this.startedAtMs + this.#lines[0].at <= nowMs) this.#write(this.#lines[0]);
    const { ends, runs } = this.#input.script;
    // Two may look at once: one of them takes the outputs in, and both wait for it.
    if (this.#ending === undefined && ends !== 'hangs' && this.startedAtMs + runs <= nowMs) this.#ending = this.#end(this.startedAtMs + runs);
    await this.#ending;
  }

  /** Ends it at once, as a program that obeys SIGTERM: the grace is not played. Does nothing to one that has ended. */
  async stop(reason: StopReason, nowMs: number): Promise<void> {
    this.#ending ??= Promise.resolve(this.#close({ exitCode: this.isReady ? 0 : null, signal: this.isReady ? null : 'SIGTERM', stopReason: reason, outputs: {} }, nowMs));
    await this.#ending;
  }

  /** Ends it before its program began. */
  neverStart(reason: StopReason, nowMs: number): void {
    this.#seen = { ...this.#seen, starts: 0 };
    this.#ending = Promise.resolve(this.#close({ exitCode: null, signal: null, stopReason: reason, outputs: {} }, nowMs));
  }

  #write(line: ProgressLine): void {
    this.#lines = this.#lines.slice(1);
    const { at, checkpoint, ready, says, ...told } = line;
    const when = iso(this.startedAtMs + at);
    if (says !== undefined) this.log.push(says);
    if (checkpoint !== undefined) this.#publish({ ...checkpoint, when });
    const progress: JobProgress = { ...this.#seen.progress, ...told, ...(ready && { readyUrl: `http://${this.request.server ?? this.request.stage}.rehearsed` }), at: when };
    this.#seen = { ...this.#seen, progress };
  }

  #publish({ step, format, when }: { step: number; format?: string; when: string }): void {
    const { key, backend, attempt } = this.request;
    const record: CheckpointRecord = { step, path: `rehearsed/${key}/step-${step}`, digest: digestOf({ key, step }), bytes: 0, ...(format !== undefined && { format }), backend, attempt, at: when };
    this.checkpoints.push(record);
    this.#seen = { ...this.#seen, checkpoint: record };
  }

  async #end(atMs: number): Promise<void> {
    const { ends } = this.#input.script;
    if (ends === 'lost') {
      this.#seen = { ...this.#seen, state: 'lost', detail: 'lost, as the script has it' };
      return this.ended.abort();
    }
    if (ends === 'hangs') return;
    if (ends.says !== undefined) this.log.push(ends.says);
    const taken = ends.exit === 0 ? await this.#takeIn(ends.outputs) : { outputs: {} };
    this.#close({ exitCode: ends.exit, signal: null, ...taken }, atMs);
  }

  #close(exit: Omit<JobExit, 'startedAt' | 'endedAt'>, atMs: number): void {
    this.#seen = { ...this.#seen, state: 'exited', exit: { startedAt: iso(this.startedAtMs), endedAt: iso(atMs), ...exit } };
    this.ended.abort();
  }

  /** As the wrapper takes outputs in: one that the stage must have and the script leaves out is a problem of the job. */
  async #takeIn(scripted: Record<string, OutputContent> | undefined): Promise<Pick<JobExit, 'outputs' | 'problem'>> {
    const { stage, outputs: declared } = this.request;
    const contents = scripted ?? Object.fromEntries(Object.entries(declared).flatMap(([name, { optional }]) => (optional ? [] : [[name, `${name} of ${stage}, job ${this.#input.ordinal}\n`]])));
    const missing = Object.entries(declared).filter(([name, { optional }]) => !optional && !Object.hasOwn(contents, name)).map(([name]) => `out/${name}`);
    if (missing.length > 0) return { outputs: {}, problem: { kind: 'missing_output', message: `the program ended with 0 but left no ${missing.join(', ')}: write it below FERRY_OUTPUT_DIR` } };
    const outputs: Record<string, ArtifactRef> = {};
    for (const [name, content] of Object.entries(contents)) outputs[name] = await this.#input.keep(declared[name]?.kind ?? 'output', content, declared[name]?.annotations);
    return { outputs };
  }
}
