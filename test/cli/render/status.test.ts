import { describe, expect, it } from 'vitest';
import { textWidth } from '../../../src/cli/render/layout.js';
import { renderStatus } from '../../../src/cli/render/status.js';
import type { RunStatusView } from '../../../src/domain/status.js';
import { APPROVAL, TRAINING, TRAINING_VIEW, WAITING, at, stateBy, viewOf } from './kit.js';

const page = (view: RunStatusView, { width = Infinity, color = false, second = 62 } = {}): string => renderStatus(view, { width, color, now: Date.parse(at(second)) }).join('\n');

// eslint-disable-next-line no-control-regex -- what must not be in a page
const CONTROL = /[\u0000-\u0009\u000b-\u001a\u001c-\u001f\u007f-\u009f]/;

describe('the page of a run', () => {
  it('in training shows stages with marks, time, attempts and backend, the live job’s bar with ETA, and why the last attempt failed', () => {
    expect(page(TRAINING_VIEW)).toMatchSnapshot();
  });

  it('at a gate shows who is waited for, how many are still missing, since when, until when, on what evidence, and the commands', () => {
    const text = page(viewOf(WAITING), { second: 220 });
    expect(text).toMatchSnapshot();
    expect(text).toContain('Waiting for release-manager (1 of 2) and safety (0 of 1) at approve, for 2m 00s, until 2026-01-09 02:26 UTC');
    expect(text).toContain('$ ferry approve tiny-v1 --gate approve --as NAME --reason REASON');
    expect(text).toContain('identity: asserted, not verified');
  });

  it('that failed tells kind, message, who must act and the next command', () => {
    const failure = { kind: 'user_error', message: 'the job exited with code 78: no such flag', owner: 'requester', nextAction: 'ask_human' } as const;
    const text = page(viewOf(stateBy([0, { type: 'stage_started', stage: 'convert' }], [5, { type: 'stage_failed', stage: 'convert', failure }], [6, { type: 'ended', status: 'failed', stop: 'stopped', failure }])));
    expect(text).toContain('Failure: user_error (the command or its configuration is wrong)');
    expect(text).toContain('who acts: requester');
    expect(text).toContain('→ ferry resume tiny-v1 --from convert');
  });

  it('names who must act only while somebody has to: not while the run retries or has fallen back by itself', () => {
    expect(page(TRAINING_VIEW)).toContain('Last failure: ');
    expect(page(TRAINING_VIEW)).not.toContain('who acts');
    const failure = { kind: 'user_error', message: 'no such flag', owner: 'requester', nextAction: 'ask_human' } as const;
    expect(page(viewOf(stateBy([100, { type: 'gate_opened', gate: { ...APPROVAL, id: 'repair', kind: 'repair' }, failure }])), { second: 120 })).toContain('who acts: requester');
  });

  it('does not tell to watch it to somebody who does', () => {
    expect(page(TRAINING_VIEW)).toContain('→ ferry watch tiny-v1');
    expect(renderStatus(TRAINING_VIEW, { width: 80, color: false, now: Date.parse(at(62)), watched: true }).join('\n')).not.toContain('ferry watch');
  });

  it('that was terminated with a job alive tells how to end that job', () => {
    const text = page(viewOf(TRAINING, { terminated: true, endedAt: at(90) }));
    expect(text).toContain('→ ferry gc');
  });

  it('that completed tells what was released', () => {
    expect(page(viewOf(stateBy([9, { type: 'released', ref: 'tiny:v1@sha256:1', digest: 'sha256:1' }], [9, { type: 'ended', status: 'completed' }])))).toContain('Released tiny:v1@sha256:1');
  });

  it('without a worker says so', () => {
    expect(page({ ...TRAINING_VIEW, source: 'visibility', notes: [] })).toContain('Start one with: ferry worker');
  });

  it('of which a worker fails the workflow task does not ask for another worker', () => {
    const text = page({ ...TRAINING_VIEW, source: 'visibility', notes: [{ at: at(30), stage: '', text: 'its workflow task fails: a bug' }] });
    expect(text).toContain('No worker answers');
    expect(text).toContain('its workflow task fails: a bug');
    expect(text).not.toContain('Start one with');
  });

  it('says of a job that nobody sees that it need not have failed', () => {
    const jobs = TRAINING_VIEW.jobs.map((job) => ({ ...job, observation: 'unknown' as const, unknownSince: at(30) }));
    expect(page({ ...TRAINING_VIEW, jobs })).toContain('nobody has seen it since 2026-01-01 00:00 UTC; that does not mean that it failed');
  });

  it.each([40, 60, 80, 120])('fits into %i columns, but for what is there to be copied', (width) => {
    for (const view of [TRAINING_VIEW, viewOf(WAITING)]) {
      const lines = renderStatus(view, { width, color: false, now: Date.parse(at(220)) });
      const tooLong = lines.filter((line) => textWidth(line) > width && !/^ {2}\$ |https?:|sha256:/.test(line));
      expect(tooLong).toEqual([]);
      expect(lines.join('\n')).toContain('ferry');
    }
  });

  it('has colours only where they are wanted, and never another control character', () => {
    const plain = page(TRAINING_VIEW);
    const colored = page(TRAINING_VIEW, { color: true });
    expect(plain).not.toContain('\u001b');
    expect(plain).not.toMatch(CONTROL);
    expect(colored).not.toMatch(CONTROL);
    // eslint-disable-next-line no-control-regex -- our own styles
    expect(colored.replace(/\u001b\[\d+m/g, '')).toBe(plain);
  });

  it('shows text from people and logs as one line without control characters', () => {
    const evil = { ...APPROVAL, question: 'Release?\u001b]0;owned\u0007\nfake: approved\u202e', evidence: ['a\r\nb'] };
    const text = page(viewOf(stateBy([100, { type: 'gate_opened', gate: evil }])), { second: 120 });
    expect(text).not.toMatch(CONTROL);
    expect(text).not.toContain('\u202e');
    expect(text).not.toMatch(/^fake/m);
  });
});
