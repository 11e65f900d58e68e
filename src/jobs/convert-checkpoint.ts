import * as z from 'zod';
import type { FailureKind } from '../domain/failure.js';
import type { AuditReport } from '../domain/reports/audit-report.js';
import { oneLine } from '../domain/text.js';
import { CheckpointError } from '../engines/checkpoints/checkpoint-error.js';
import { convertCheckpoint } from '../engines/checkpoints/convert.js';
import type { ConversionResult } from '../engines/checkpoints/convert.js';
import { SafetensorsError } from '../engines/safetensors/safetensors-error.js';
import { auditInto } from './audit-checkpoint.js';
import { JobConfigurationError, JobFailedError } from './job-context.js';
import type { JobContext } from './job-context.js';

const Params = z.strictObject({
  dtype: z.literal('bf16'),
  /** Of the tensors in one shard; the default is what transformers saves. */
  maxShardBytes: z.number().int().positive().default(5_000_000_000),
});

const TARGET = { bf16: 'BF16' } as const;

/** A model of 60,000 tensors would write as many lines; nobody sees more than a few a second. */
const PROGRESS_INTERVAL_MS = 500;

/** A training folder may hold thousands of files. */
const MAX_LOG_LINE = 4000;

/**
 * Converts the input `checkpoint`, a Hugging Face folder, to the output `model`, and audits what came of it into
 * `audit/audit.json`. Ends well whatever the audit says: the verdict is a progress line of its own, and the run judges.
 */
export async function run(job: JobContext): Promise<void> {
  const source = job.input('checkpoint');
  const { dtype, maxShardBytes } = job.params(Params);
  const target = job.output('model');

  const converted = await convert(job, { source, target, dtype: TARGET[dtype], maxShardBytes });
  if (converted.left.length > 0) job.log(oneLine(`left behind, of no kind that loaders are known to need: ${converted.left.join(', ')}`, MAX_LOG_LINE));

  const report = await auditInto(job, { source, target });
  job.progress({ step: converted.tensors, total: converted.tensors, metrics: metricsOf(converted, report) });
  job.verdict(report.verdict);
}

async function convert(job: JobContext, request: Omit<Parameters<typeof convertCheckpoint>[0], 'signal' | 'onProgress'>): Promise<ConversionResult> {
  let told = 0;
  try {
    return await convertCheckpoint({
      ...request,
      signal: job.signal,
      onProgress: ({ tensors, bytes }, plan) => {
        if (tensors < plan.tensors && Date.now() - told < PROGRESS_INTERVAL_MS) return;
        told = Date.now();
        job.progress({ step: tensors, total: plan.tensors, metrics: { tensors, bytes } });
      },
    });
  } catch (error) {
    if (error instanceof SafetensorsError) throw AGAIN.has(error.code) ? new JobFailedError(error.message, { cause: error }) : new JobConfigurationError(`checkpoint_corrupt: ${error.message}`, { cause: error });
    if (error instanceof CheckpointError) {
      const kind = KINDS[error.code];
      throw kind === undefined ? new JobFailedError(error.message, { cause: error }) : new JobConfigurationError(`${kind}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** What may be gone at another try; all else is in the data, and they are the same then. */
const AGAIN: ReadonlySet<SafetensorsError['code']> = new Set(['shrank_while_read', 'write_mismatch']);

/** Failure kinds of the domain, by what stands in the way in the source; undefined where it is not in the source. */
const KINDS = {
  dtype_unsupported: 'unsupported_op_dtype',
  config_missing: 'missing_file',
  config_invalid: 'bad_data',
  file_refused: 'bad_data',
  output_exists: undefined,
} as const satisfies Record<CheckpointError['code'], FailureKind | undefined>;

function metricsOf(converted: ConversionResult, report: AuditReport): Record<string, number> {
  const { tensors, shards, bytesIn, bytesOut } = converted;
  const { nan, infinite, overflowed } = report.values;
  return { tensors, shards, bytesIn, bytesOut, nan, infinite, overflowed, maxRelativeError: report.maxRelativeError };
}
