// The program that stands around every job: `node wrapper.js <job directory>`. It outlives whoever submitted it, and
// it imports little, since it is started once for every job and must cost milliseconds.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CheckpointRecord, JobExit } from '../../domain/job.js';
import { CheckpointPublisher, sweepUnpublished } from './checkpoints.js';
import { isFenced, jobPaths, readJobRecord, readStop, takeClaim, writeState } from './job-dir.js';
import type { Claim, JobRecord, WrapperState } from './job-dir.js';
import { hostIdentity, processStartedAt } from './process-identity.js';
import { prepare, startProgram } from './program.js';
import type { ProgramEnd } from './program.js';
import { LineReader, parseProgressLine, ProgressMerger } from './progress-reader.js';
import type { AnnouncedCheckpoint } from './progress-reader.js';
import { Stopper } from './stopper.js';
import { logLine } from './wrapper-log.js';
import { collectOutputs, fencedProblem, problemOf, recordExit } from './wrap-up.js';
import type { Problem } from './wrap-up.js';

/** A stop, a new epoch and progress are seen within this time. */
const POLL_MS = 250;
/** Given up when the disk is full, so that the exit record still fits; two blocks on any usual file system. */
const RESERVE_BYTES = 16 * 1024;
const MAX_NOTE = 300;

class Wrapper {
  readonly #jobDir: string;
  readonly #record: JobRecord;
  readonly #claim: Claim;
  readonly #stopper: Stopper;
  readonly #reader: LineReader;
  readonly #merger = new ProgressMerger();
  readonly #publisher: CheckpointPublisher;
  readonly #waiting: AnnouncedCheckpoint[] = [];
  #publishing: Promise<void> = Promise.resolve();
  #checkpoint: CheckpointRecord | undefined;
  #phase: WrapperState['phase'] = 'running';
  #garbage = 0;
  #note: string | undefined;
  #shown = '';

  constructor(jobDir: string, record: JobRecord, claim: Claim) {
    this.#jobDir = jobDir;
    this.#record = record;
    this.#claim = claim;
    this.#stopper = new Stopper(record.identity.key, claim);
    this.#reader = new LineReader(jobPaths(jobDir).progress);
    this.#publisher = new CheckpointPublisher(jobDir, record);
  }

  async run(): Promise<void> {
    // A signal to the whole group reaches us too; we stay, to save the last checkpoint and to write down how it ended.
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => this.#onSignal());
    const outcome = await this.#runProgram();
    await this.#finish(outcome);
  }

  async #runProgram(): Promise<{ startedAt: string; end: ProgramEnd; problem?: Problem }> {
    const notStarted = { startedAt: this.#claim.at, end: { exitCode: null, signal: null } };
    try {
      if (isFenced(this.#jobDir, this.#record.identity)) return { ...notStarted, problem: fencedProblem() };
      writeFileSync(jobPaths(this.#jobDir).reserve, Buffer.alloc(RESERVE_BYTES, 1));
      await sweepUnpublished(this.#jobDir);
      await prepare(this.#jobDir, this.#record);
      this.#checkStop();
      if (this.#stopper.requested) return notStarted;
    } catch (error) {
      return { ...notStarted, problem: problemOf(error) };
    }
    try {
      const { start, end } = await startProgram(this.#jobDir, this.#record);
      return { startedAt: start.at, end: await this.#watch(end) };
    } catch (error) {
      await this.#stopper.finish();
      return { ...notStarted, problem: problemOf(error, 'spawn_failed') };
    }
  }

  async #watch(end: Promise<ProgramEnd>): Promise<ProgramEnd> {
    // A poll's own trouble (a full disk, a directory that is gone for a moment) must not end the watch over the program.
    const timer = setInterval(() => this.#tolerate(() => this.#poll({ final: false })), POLL_MS);
    try {
      return await end;
    } finally {
      clearInterval(timer);
    }
  }

  #poll({ final }: { final: boolean }): void {
    this.#checkStop();
    const lines = this.#reader.read({ final });
    const parsed = lines.map(parseProgressLine);
    this.#garbage += parsed.filter((line) => line === undefined).length;
    const told = parsed.filter((line) => line !== undefined);
    this.#merger.merge(told, Date.now());
    for (const { checkpoint } of told) if (checkpoint) this.#announce(checkpoint);
    this.#show();
  }

  #checkStop(): void {
    const stop = this.#stopper.reason === undefined ? readStop(this.#jobDir) : undefined;
    if (stop) this.#stop(() => this.#stopper.request(stop.reason, stop.graceMs));
    // A job that was given up for lost but lives on would hold its devices for nothing.
    else if (!this.#stopper.requested && isFenced(this.#jobDir, this.#record.identity)) this.#stop(() => this.#stopper.request('fenced', this.#record.graceMs));
  }

  #onSignal(): void {
    this.#tolerate(() => {
      this.#checkStop();
      // Schedulers and container runtimes signal the wrapper alone. Where they signal the group, the program hears it twice.
      if (!this.#stopper.requested) this.#stop(() => this.#stopper.request(undefined, this.#record.graceMs));
    });
  }

  #stop(request: () => boolean): void {
    if (request()) this.#show();
  }

  /** Checkpoints are published one after the other; one that would be pruned at once isn't hashed at all. */
  #announce(checkpoint: AnnouncedCheckpoint): void {
    this.#waiting.push(checkpoint);
    if (this.#waiting.length > this.#record.keepCheckpoints) this.#waiting.shift();
    this.#publishing = this.#publishing.then(() => this.#publishNext());
  }

  async #publishNext(): Promise<void> {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    try {
      this.#checkpoint = (await this.#publisher.publish(next)) ?? this.#checkpoint;
    } catch (error) {
      this.#remark(`the checkpoint of step ${next.step} was not published: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#tolerate(() => this.#show());
  }

  async #finish({ startedAt, end, problem }: { startedAt: string; end: ProgramEnd; problem?: Problem }): Promise<void> {
    this.#phase = 'completing';
    await this.#stopper.finish();
    this.#tolerate(() => this.#poll({ final: true }));
    await this.#publishing;
    const collected = end.exitCode === 0 ? await collectOutputs(this.#jobDir, this.#record) : { outputs: {} };
    const exit: JobExit = {
      ...end,
      startedAt,
      endedAt: new Date().toISOString(),
      ...(this.#stopper.reason !== undefined && { stopReason: this.#stopper.reason }),
      ...(problem && { problem }),
      ...collected,
    };
    await recordExit(this.#jobDir, exit);
  }

  #show(): void {
    const state: WrapperState = {
      phase: this.#phase,
      ...(this.#merger.progress && { progress: this.#merger.progress }),
      ...(this.#checkpoint && { checkpoint: this.#checkpoint }),
      ...(this.#stopper.requested && { stopping: true }),
      ignoredLines: this.#garbage + this.#reader.ignored,
      ...(this.#note !== undefined && { note: this.#note }),
    };
    const text = JSON.stringify(state);
    if (text === this.#shown) return;
    writeState(this.#jobDir, state);
    this.#shown = text;
  }

  #remark(note: string): void {
    this.#note = note.slice(0, MAX_NOTE);
    logLine(note);
  }

  #tolerate(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#remark(error instanceof Error ? error.message : String(error));
    }
  }
}

async function main(jobDir: string): Promise<void> {
  const record = readJobRecord(jobDir);
  if (record === undefined) throw new Error(`${jobDir} holds no job.json: submit the job first`);
  const claim: Claim = { pid: process.pid, pidStartedAt: processStartedAt(process.pid) ?? '', ...hostIdentity(), at: new Date().toISOString() };
  // Another wrapper was faster: it runs the job, and we touch nothing.
  if (!takeClaim(jobDir, claim)) return;
  await new Wrapper(jobDir, record, claim).run();
}

const jobDir = process.argv[2];
if (jobDir === undefined) {
  logLine('usage: wrapper.js JOB_DIRECTORY');
  process.exitCode = 2;
} else {
  await main(resolve(jobDir));
  // A timer or watcher left over must not keep the group's leader alive after its exit record.
  process.exit();
}
