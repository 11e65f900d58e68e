import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AuditReport } from '../../src/domain/reports/audit-report.js';
import { bits16, f32, writeCheckpoint } from '../support/checkpoints.js';
import { runJob, type JobOutcome } from './job-world.js';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-audit-job-'));
  writeCheckpoint(join(place, 'checkpoint'), [[{ name: 'w', dtype: 'F32', shape: [2], data: f32(1, 2) }]]);
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

/** What a converter of somebody else's makes. */
const convertTo = (...bits: number[]): void => writeCheckpoint(join(place, 'model'), [[{ name: 'w', dtype: 'BF16', shape: [2], data: bits16(...bits) }]], { 'config.json': '{\n  "model_type": "tiny",\n  "torch_dtype": "bfloat16"\n}\n' });
const audit = (params: unknown = {}, signal?: AbortSignal): Promise<JobOutcome> => runJob(place, 'audit-checkpoint', params, { variables: { FERRY_INPUT_CHECKPOINT: join(place, 'checkpoint'), FERRY_INPUT_MODEL: join(place, 'model') }, ...(signal && { signal }) });

it.each([
  ['pass', [0x3f80, 0x4000], '1 tensors'],
  ['fail', [0x3f80, 0x4001], 'the tensor w has 1 of 2 values out of bounds'],
] as const)('audits what another program converted, and tells a %s last', async (value, bits, why) => {
  convertTo(...bits);
  const { code, progress, log, output } = await audit();
  expect(code).toBe(0);
  const report = AuditReport.parse(JSON.parse(readFileSync(join(output('audit'), 'audit.json'), 'utf8')));
  expect(report.verdict.value).toBe(value);
  expect(progress).toEqual([{ phase: 'auditing' }, { step: 1, total: 1, metrics: { tensors: 1, nan: 0, infinite: 0, overflowed: 0, maxRelativeError: report.maxRelativeError } }, { verdict: report.verdict }]);
  expect(log.join('\n')).toContain(`${value}: `);
  expect(log.join('\n')).toContain(why);
});

it('ends with 78 without the model or for a parameter that it does not know, and with 75 when it is told to stop', async () => {
  expect(await audit()).toMatchObject({ code: 78, log: [expect.stringContaining('the input model is not there')] });
  convertTo(0x3f80, 0x4000);
  expect((await audit({ dtype: 'fp8' })).code).toBe(78);
  expect((await audit({ dtype: 'bf16' }, AbortSignal.abort())).code).toBe(75);
});
