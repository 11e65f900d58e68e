import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import type { JobProgress } from '../../domain/job.js';
import { parseLoosely } from '../../domain/loose-json.js';
import type { VerdictValue } from '../../domain/reports/verdict.js';
import { systemCode } from '../artifacts/store-error.js';

const MAX_LINE_BYTES = 64 * 1024;
const READ_BYTES = 256 * 1024;
const MAX_METRICS = 64;
/** A report has them all; these travel through the workflow with every job. */
const MAX_REASONS = 5;
const MAX_REASON = 300;
/** By hand: the wrapper, which reads these, starts without loading a schema library. */
const VERDICTS = ['pass', 'fail', 'inconclusive'] as const satisfies readonly VerdictValue[];
const RATE_WINDOW_MS = 60_000;

export interface AnnouncedCheckpoint {
  step: number;
  path: string;
  format?: string;
}

export interface ProgressLine {
  step?: number;
  total?: number;
  metrics?: Record<string, number>;
  phase?: string;
  readyUrl?: string;
  verdict?: JobProgress['verdict'];
  checkpoint?: AnnouncedCheckpoint;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const finite = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);
const text = (value: unknown, max: number): string | undefined => (typeof value === 'string' && value !== '' ? value.slice(0, max) : undefined);

/** One line of the progress file, or undefined where it says nothing that the contract knows. */
export function parseProgressLine(line: string): ProgressLine | undefined {
  const value = parseLoosely(line);
  if (!isObject(value)) return undefined;
  const parsed: ProgressLine = {};
  const step = finite(value['step']);
  if (step !== undefined) parsed.step = step;
  const total = finite(value['total']);
  if (total !== undefined) parsed.total = total;
  if (isObject(value['metrics'])) {
    const metrics = Object.entries(value['metrics']).filter((entry): entry is [string, number] => finite(entry[1]) !== undefined && entry[0].length <= 64);
    if (metrics.length > 0) parsed.metrics = Object.fromEntries(metrics.slice(0, MAX_METRICS));
  }
  const phase = text(value['phase'], 40);
  if (phase !== undefined) parsed.phase = phase;
  const url = isObject(value['ready']) ? text(value['ready']['url'], 512) : undefined;
  if (url !== undefined && /^https?:\/\//.test(url)) parsed.readyUrl = url;
  const verdict = verdictIn(value['verdict']);
  if (verdict !== undefined) parsed.verdict = verdict;
  if (isObject(value['checkpoint'])) {
    const checkpoint = value['checkpoint'];
    const at = finite(checkpoint['step']);
    const path = text(checkpoint['path'], 4096);
    const format = text(checkpoint['format'], 40);
    if (at !== undefined && at >= 0 && path !== undefined) parsed.checkpoint = { step: at, path, ...(format !== undefined && { format }) };
  }
  return Object.keys(parsed).length > 0 ? parsed : undefined;
}

/** A verdict of any other value is none: whoever misspells `pass` has not passed. */
function verdictIn(value: unknown): JobProgress['verdict'] {
  if (!isObject(value)) return undefined;
  const known = VERDICTS.find((name) => name === value['value']);
  const reasons: unknown[] = Array.isArray(value['reasons']) ? value['reasons'] : [];
  const why = known === undefined ? [`the job gave the verdict ${JSON.stringify(value['value'])?.slice(0, 60) ?? 'nothing'}, which is none of pass, fail, inconclusive`] : [];
  return { value: known ?? 'inconclusive', reasons: [...why, ...reasons.flatMap((reason) => text(reason, MAX_REASON) ?? [])].slice(0, MAX_REASONS) };
}

/** Reads a growing file line by line, from where it stopped the last time. */
export class LineReader {
  readonly #path: string;
  #offset = 0;
  #partial = Buffer.alloc(0);
  #skipping = false;
  ignored = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The complete lines that are new. `final` takes an unfinished last line too: its writer is gone. */
  read({ final }: { final: boolean }): string[] {
    const lines: string[] = [];
    let fd: number;
    try {
      const { size } = statSync(this.#path);
      // A program that opened the file anew with truncation starts over, and so do we.
      if (size < this.#offset) this.#restart();
      if (size === this.#offset && !final) return lines;
      fd = openSync(this.#path, 'r');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return lines;
      throw error;
    }
    try {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      for (let length = 1; length > 0; ) {
        length = readSync(fd, buffer, 0, READ_BYTES, this.#offset);
        this.#offset += length;
        this.#take(buffer.subarray(0, length), lines);
      }
    } finally {
      closeSync(fd);
    }
    if (final && this.#partial.length > 0) {
      lines.push(this.#partial.toString('utf8'));
      this.#partial = Buffer.alloc(0);
    }
    return lines.filter((line) => line.trim() !== '');
  }

  #restart(): void {
    this.#offset = 0;
    this.#partial = Buffer.alloc(0);
    this.#skipping = false;
  }

  #take(chunk: Buffer, lines: string[]): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const piece = chunk.subarray(start, end);
      start = end + 1;
      if (this.#skipping) {
        this.#skipping = false;
      } else if (this.#partial.length + piece.length > MAX_LINE_BYTES) {
        this.ignored += 1;
      } else {
        lines.push(Buffer.concat([this.#partial, piece]).toString('utf8'));
      }
      this.#partial = Buffer.alloc(0);
    }
    const rest = chunk.subarray(start);
    if (this.#skipping) return;
    if (this.#partial.length + rest.length > MAX_LINE_BYTES) {
      this.#skipping = true;
      this.ignored += 1;
      this.#partial = Buffer.alloc(0);
    } else {
      this.#partial = Buffer.concat([this.#partial, rest]);
    }
  }
}

/** Merges progress lines into the newest picture: a line about a phase leaves the last step and metrics standing. */
export class ProgressMerger {
  #progress: JobProgress | undefined;
  #samples: { atMs: number; step: number }[] = [];

  get progress(): JobProgress | undefined {
    return this.#progress;
  }

  /** Takes the lines of one reading; true if they said anything besides checkpoints. */
  merge(lines: ProgressLine[], atMs: number): boolean {
    const told = lines.filter((line) => line.step !== undefined || line.metrics || line.phase !== undefined || line.readyUrl !== undefined || line.verdict !== undefined || line.total !== undefined);
    if (told.length === 0) return false;
    const next: JobProgress = { ...this.#progress, at: new Date(atMs).toISOString() };
    for (const { step, total, metrics, phase, readyUrl, verdict } of told) {
      // A phase lasts until the next step: "saving" must not stand beside a step that came after it.
      if (step !== undefined) Object.assign(next, { step, phase: undefined });
      Object.assign(next, total !== undefined && { total }, metrics && { metrics }, phase !== undefined && { phase }, readyUrl !== undefined && { readyUrl }, verdict !== undefined && { verdict });
    }
    if (next.step !== undefined && next.step !== this.#progress?.step) this.#sample(next.step, atMs);
    const rate = this.#rate();
    this.#progress = { ...next, ...(rate !== undefined && { stepsPerSecond: rate }) };
    return true;
  }

  #sample(step: number, atMs: number): void {
    // After a rollback within one process the old window says nothing about the new one.
    if (step < (this.#samples.at(-1)?.step ?? 0)) this.#samples = [];
    this.#samples.push({ atMs, step });
    while ((this.#samples[0]?.atMs ?? atMs) < atMs - RATE_WINDOW_MS && this.#samples.length > 2) this.#samples.shift();
  }

  #rate(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return undefined;
    return Number((((last.step - first.step) * 1000) / (last.atMs - first.atMs)).toPrecision(6));
  }
}

/** An announced path as an absolute one, relative ones being below `root`; undefined if it isn't strictly inside. */
export function insideOf(root: string, path: string): string | undefined {
  const absolute = resolve(root, path);
  const way = relative(root, absolute);
  return way === '' || way === '..' || way.startsWith('../') || isAbsolute(way) ? undefined : absolute;
}
