import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { AuditReport } from '../domain/reports/audit-report.js';
import { auditConversion } from '../engines/checkpoints/audit/audit.js';
import type { JobContext } from './job-context.js';

const Params = z.strictObject({ dtype: z.literal('bf16').default('bf16') });

/**
 * Audits the input `model`, which somebody else's program converted from the input `checkpoint`, as convert-checkpoint
 * audits its own: into `audit/audit.json`, with the verdict as a progress line.
 */
export async function run(job: JobContext): Promise<void> {
  const [source, target] = [job.input('checkpoint'), job.input('model')];
  job.params(Params);
  const report = await auditInto(job, { source, target });
  const { tensors } = report.source;
  const { nan, infinite, overflowed } = report.values;
  job.progress({ step: tensors, total: tensors, metrics: { tensors, nan, infinite, overflowed, maxRelativeError: report.maxRelativeError } });
  job.verdict(report.verdict);
}

/** Makes the output `audit` of two checkpoints. */
export async function auditInto(job: JobContext, checkpoints: { source: string; target: string }): Promise<AuditReport> {
  job.progress({ phase: 'auditing' });
  const report = await auditConversion({ ...checkpoints, signal: job.signal });
  await mkdir(job.output('audit'), { recursive: true });
  await writeFile(join(job.output('audit'), 'audit.json'), `${JSON.stringify(report, null, 2)}\n`);
  return report;
}
