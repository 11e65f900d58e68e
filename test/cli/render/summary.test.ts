import { expect, it } from 'vitest';
import { summaryOf, summaryTable } from '../../../src/cli/render/summary.js';
import type { RunStatusView, StageView } from '../../../src/domain/status.js';

const digest = `sha256:${'ab'.repeat(32)}`;
const stage = (name: string, more: Partial<StageView>): StageView => ({ name, state: 'done', round: 1, attempts: 1, startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T00:01:30.500Z', reason: null, outputs: {}, figures: {}, ...more });
const view = (stages: StageView[]): RunStatusView => ({ stages }) as RunStatusView;

it('has a row a stage that was taken: time, attempts, the output’s digest and its key figures', () => {
  const rows = summaryOf(
    view([
      stage('label', { state: 'skipped', startedAt: null, endedAt: null }),
      stage('train', { attempts: 2, outputs: { checkpoint: { kind: 'checkpoint', uri: 'x', digest, bytes: 1 } }, figures: { step: 400, firstHeldOutLoss: 5.55812, heldOutLoss: 2.05 } }),
      stage('convert', { figures: { step: 7 } }),
      stage('approve', { state: 'waiting', attempts: 0, endedAt: null }),
    ]),
  );
  expect(rows[0]).toEqual({ stage: 'train', state: 'done', tookMs: 90_500, attempts: 2, outputs: { checkpoint: digest }, figures: { step: 400, firstHeldOutLoss: 5.55812, heldOutLoss: 2.05 } });
  expect(summaryTable(rows)).toEqual([
    'STAGE    TIME     ATTEMPTS  OUTPUT               KEY FIGURES',
    'train    1m 30s   2         sha256:abababababab  firstHeldOutLoss 5.558, heldOutLoss 2.05',
    'convert  1m 30s   1                              step 7',
    'approve  waiting',
  ]);
});
