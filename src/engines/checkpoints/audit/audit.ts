import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditReport } from '../../../domain/reports/audit-report.js';
import { compareCopied, compareRounded, Workspace } from './compare-tensor.js';
import { auditConfig } from './config.js';
import { auditFiles } from './files.js';
import type { FilesAudit } from './files.js';
import { Findings } from './findings.js';
import { auditPlacement } from './placement.js';
import { BF16_BOUND } from './values.js';
import type { ValueStats } from './values.js';
import { messageOf, openRegular, readWeights } from './weights.js';
import type { AuditedTensor, AuditedWeights } from './weights.js';

export interface AuditRequest {
  /** The checkpoint before its conversion, and what came of it. */
  source: string;
  target: string;
  signal?: AbortSignal;
}

/** What F32 becomes; every other dtype of the list stays as it is, byte for byte. Of one not listed the audit knows no rule. */
const ROUNDED_TO = 'BF16';
const COPIED = new Set(['BF16', 'BOOL', 'U8', 'I8', 'U16', 'I16', 'U32', 'I32', 'U64', 'I64']);

/**
 * Holds a checkpoint that was converted to BF16 against its source, by code that shares nothing with the converter but
 * the report's form. Reads both whole and holds a few megabytes. Whatever could not be looked at keeps the verdict from
 * `pass`; what is wrong makes it `fail`. Throws only the signal's reason, when that aborts between two pieces.
 */
export async function auditConversion(request: AuditRequest): Promise<AuditReport> {
  const { signal } = request;
  const findings = new Findings();
  const source = await look(request.source, (problem) => findings.unsure(`source: ${problem}`));
  const target = await look(request.target, (problem) => findings.fault(`target: ${problem}`));
  const placement = auditPlacement(source, target, findings);
  const values = await auditValues(placement.pairs, { source, target, findings, signal });
  let files: FilesAudit = { carried: [], left: [] };
  try {
    files = await auditFiles(request.source, request.target, { findings, signal });
    await auditConfig(request.source, target, 'bfloat16', findings);
  } catch (error) {
    signal?.throwIfAborted();
    findings.unsure(`the files beside the weights could not all be read: ${messageOf(error)}`);
  }
  return AuditReport.parse({
    schema: 'modelferry.audit/1',
    verdict: findings.verdict(),
    source: summary(source),
    target: summary(target),
    dtypes: values.dtypes,
    missing: placement.missing.slice(0, 100),
    unexpected: placement.unexpected.slice(0, 100),
    duplicated: placement.duplicated.slice(0, 100),
    values: values.counts,
    maxRelativeError: values.maxRelativeError,
    bound: BF16_BOUND,
    worst: values.worst,
    carried: files.carried.slice(0, 100),
    left: files.left.slice(0, 100),
    problems: findings.problems,
  });
}

async function look(folder: string, onProblem: (problem: string) => void): Promise<AuditedWeights> {
  try {
    return await readWeights(folder);
  } catch (error) {
    onProblem(messageOf(error));
    return { folder, files: [], tensors: new Map(), bytes: 0, index: undefined, unmarked: [], problems: [] };
  }
}

const summary = ({ files, tensors, bytes }: AuditedWeights): AuditReport['source'] => ({ files: files.length, tensors: tensors.size, bytes });

interface ValuesAudit {
  counts: AuditReport['values'];
  dtypes: AuditReport['dtypes'];
  worst: AuditReport['worst'];
  maxRelativeError: number;
}

async function auditValues(pairs: readonly { source: AuditedTensor; target: AuditedTensor }[], to: { source: AuditedWeights; target: AuditedWeights; findings: Findings; signal: AbortSignal | undefined }): Promise<ValuesAudit> {
  const { findings } = to;
  const counts = { compared: 0, nan: 0, infinite: 0, overflowed: 0 };
  const dtypes = new Map<string, AuditReport['dtypes'][number]>();
  let worst: AuditReport['worst'] = [];
  let faulty = 0;
  const space = new Workspace();
  const handles = new Handles();
  try {
    for (const pair of pairs) {
      to.signal?.throwIfAborted();
      const { name } = pair.source;
      const kind = `${pair.source.dtype}>${pair.target.dtype}`;
      const seen = dtypes.get(kind) ?? { from: pair.source.dtype, to: pair.target.dtype, tensors: 0 };
      dtypes.set(kind, { ...seen, tensors: seen.tensors + 1 });
      try {
        const stats = await auditPair(pair, to, handles, { space, signal: to.signal });
        if (stats === undefined) {
          faulty += 1;
          continue;
        }
        if (stats.wrong > 0) faulty += 1;
        counts.compared += stats.compared;
        counts.nan += stats.nan;
        counts.infinite += stats.infinite;
        counts.overflowed += stats.overflowed;
        const { maxRelativeError, maxAbsoluteError } = stats;
        if (isDead(pair.source, stats)) findings.unsure(`the tensor ${name} holds nothing but zeros and subnormal numbers in the source, as a save that went wrong leaves them: a person must say whether they belong there`);
        if (maxAbsoluteError > 0) worst = [...worst, { tensor: name, maxRelativeError, maxAbsoluteError }].sort((a, b) => b.maxRelativeError - a.maxRelativeError).slice(0, 20);
      } catch (error) {
        to.signal?.throwIfAborted();
        faulty += 1;
        findings.unsure(`the tensor ${name} could not be compared: ${messageOf(error)}`);
      }
    }
  } finally {
    await handles.close();
  }
  const maxRelativeError = worst[0]?.maxRelativeError ?? 0;
  if (counts.overflowed > 0) findings.fault(`${counts.overflowed} finite values became infinite: they are beyond the range of ${ROUNDED_TO}`);
  if (counts.nan + counts.infinite > 0) findings.unsure(`the source holds ${counts.nan} NaN and ${counts.infinite} infinities, which went over as they are: a person must say whether they belong there`);
  if (pairs.length > 0 && faulty === 0) findings.held(`${counts.compared} values compared, the largest relative error ${maxRelativeError.toExponential(3)} within ${BF16_BOUND}`);
  return { counts, dtypes: [...dtypes.values()], worst, maxRelativeError };
}

/** A matrix without one value of normal size. Biases and counters, which have one dimension, may well be zero. */
const isDead = ({ dtype, shape }: AuditedTensor, { compared, anyNormal }: ValueStats): boolean => (dtype === 'F32' || dtype === 'BF16') && shape.length > 1 && compared > 0 && !anyNormal;

/** Compares one tensor; undefined, and a finding, where there is nothing that could be compared. */
async function auditPair({ source, target }: { source: AuditedTensor; target: AuditedTensor }, to: { source: AuditedWeights; target: AuditedWeights; findings: Findings }, handles: Handles, room: { space: Workspace; signal: AbortSignal | undefined }): Promise<ValueStats | undefined> {
  const { name, dtype } = source;
  if (dtype !== 'F32' && !COPIED.has(dtype)) {
    to.findings.unsure(`the tensor ${name} is ${dtype}, for which the audit has no rule`);
    return undefined;
  }
  const expected = dtype === 'F32' ? ROUNDED_TO : dtype;
  if (target.dtype !== expected) {
    to.findings.fault(`the tensor ${name} is ${target.dtype} where ${dtype} becomes ${expected}`);
    return undefined;
  }
  if (source.shape.length !== target.shape.length || source.shape.some((dimension, i) => dimension !== target.shape[i])) {
    to.findings.fault(`the tensor ${name} has the shape [${target.shape.join(', ')}], not [${source.shape.join(', ')}]`);
    return undefined;
  }
  const sides = [
    { tensor: source, handle: await handles.of(join(to.source.folder, source.file)) },
    { tensor: target, handle: await handles.of(join(to.target.folder, target.file)) },
  ] as const;
  if (dtype !== 'F32') {
    const { same, stats } = await compareCopied(...sides, room);
    if (!same) to.findings.fault(`the tensor ${name} is ${dtype} on both sides and its bytes differ`);
    return same ? stats : { ...stats, wrong: 1 };
  }
  const stats = await compareRounded(...sides, room);
  const { firstWrong } = stats;
  if (firstWrong !== undefined) to.findings.fault(`the tensor ${name} has ${stats.wrong} of ${stats.compared} values out of bounds, the first at ${firstWrong.index}: ${firstWrong.source} became ${firstWrong.target}`);
  return stats;
}

/** Files that stay open while their tensors are compared. */
class Handles {
  readonly #open = new Map<string, FileHandle>();

  async of(path: string): Promise<FileHandle> {
    const handle = this.#open.get(path) ?? (await openRegular(path));
    this.#open.set(path, handle);
    return handle;
  }

  async close(): Promise<void> {
    for (const handle of this.#open.values()) await handle.close();
  }
}
