import { describe, expect, it } from 'vitest';
import { ChangeTeller } from '../../../src/cli/render/changes.js';
import { TRAINING_VIEW, WAITING, at, stateBy, viewOf } from './kit.js';

const NOW = Date.parse(at(62));

describe('the changes of a run, line by line', () => {
  it('are told once each', () => {
    const teller = new ChangeTeller();
    expect(teller.tell(viewOf(stateBy()), NOW)).toEqual([]);
    const first = teller.tell(TRAINING_VIEW, NOW);
    expect(first).toContain('train: running (the job exited with code 1: HCCL timeout)');
    expect(first).toContain('train attempt 2 on nvidia (simulated): running');
    expect(first).toContain('train attempt 2 on nvidia (simulated): 520/1000 · 12.35/s · ETA 38.9s · loss 2.315 · grad [31m norm 0.5');
    expect(first).toContain('2026-01-01 00:00 UTC train: ascend → nvidia: HCCL timeout');
    expect(teller.tell(TRAINING_VIEW, NOW + 1000)).toEqual([]);
    expect(teller.tell(TRAINING_VIEW, NOW + 31_000)).toHaveLength(1); // progress, now and then
  });

  it('tell of a stage’s jobs between its beginning and its end', () => {
    const first = new ChangeTeller().tell(TRAINING_VIEW, NOW);
    const begins = (start: string): number => first.findIndex((line) => line.startsWith(start));
    expect(begins('train: running')).toBeLessThan(begins('train attempt 1'));
    const done = { ...TRAINING_VIEW, stages: TRAINING_VIEW.stages.map((stage) => (stage.name === 'train' ? { ...stage, state: 'done' as const } : stage.name === 'convert' ? { ...stage, state: 'running' as const } : stage)) };
    const lines = new ChangeTeller().tell(done, NOW).map((line) => line.replace(/(attempt \d|:).*/, '$1'));
    expect(lines.slice(lines.indexOf('train attempt 1'))).toEqual(['train attempt 1', 'train attempt 2', 'train attempt 2', 'train:', 'convert:', '2026-01-01 00:']);
  });

  it('tell who is waited for and the command, and how the run ended', () => {
    const teller = new ChangeTeller();
    expect(teller.tell(viewOf(WAITING), NOW)).toContain('waiting for release-manager, safety at approve: ferry approve tiny-v1 --gate approve --as NAME --reason REASON');
    expect(teller.tell(viewOf(WAITING), NOW)).toEqual([]);
    const ended = viewOf(stateBy([0, { type: 'stage_started', stage: 'approve' }], [9, { type: 'ended', status: 'rejected', stop: 'rejected', failure: { kind: 'rejected', message: 'no\u001b[2J', owner: 'requester', nextAction: 'stop' } }]));
    expect(teller.tell(ended, NOW).at(-1)).toBe('rejected: rejected: no [2J');
  });

  it('say when no worker answers, and do not take that for a change of the run', () => {
    const teller = new ChangeTeller();
    teller.tell(TRAINING_VIEW, NOW);
    const dark = { ...TRAINING_VIEW, source: 'visibility' as const, stages: TRAINING_VIEW.stages.map((stage) => ({ ...stage, state: 'pending' as const })), jobs: [], notes: [] };
    expect(teller.tell(dark, NOW)).toEqual(['no worker answers; start one with: ferry worker']);
    expect(teller.tell(TRAINING_VIEW, NOW)).toEqual(['a worker answers again']);
  });

  it('say why no worker answers as soon as the server knows it, once', () => {
    const teller = new ChangeTeller();
    teller.tell(TRAINING_VIEW, NOW);
    const dark = { ...TRAINING_VIEW, source: 'visibility' as const, notes: [] };
    const failing = (times: number): typeof TRAINING_VIEW => ({ ...dark, notes: [{ at: at(62 + times), stage: '', text: `its workflow task has failed ${times} times in a row: no such function` }] });
    expect(teller.tell(dark, NOW)).toEqual(['no worker answers; start one with: ferry worker']);
    expect(teller.tell(failing(3), NOW)).toEqual(['no worker answers: its workflow task has failed 3 times in a row: no such function']);
    expect(teller.tell(failing(4), NOW)).toEqual([]);
    expect(teller.tell(TRAINING_VIEW, NOW)).toEqual(['a worker answers again']);
    expect(teller.tell(failing(5), NOW)).toHaveLength(1);
  });
});
