import { describe, expect, it } from 'vitest';
import { renderReport } from '../../../../src/cli/render/report/page.js';
import { noEvidence } from '../../../../src/engines/evidence/collect.js';
import type { RunState } from '../../../../src/domain/run-state.js';
import { at, viewOf } from '../kit.js';
import { sectionOf, textOf, unbalanced } from './check.js';
import { AT_THE_GATE, AUDIT, DATASET, EVIDENCE, NONE, QUALITY, RELEASED, digest, inputOf, parity, trainer } from './kit.js';

const PAGE = renderReport(inputOf(RELEASED)).html;
const said = (id: string, page = PAGE): string => textOf(sectionOf(page, id));

describe('the page of a released run', () => {
  it.each<[string, string[]]>([
    ['pipeline', ['preflight', 'validateOnAscend', '2m 08s · 2 attempts', '+1m', 'waiting for people', 'Waits for people are drawn shortened: 2h 01m', 'Skipped: label, rollOut']],
    ['stages', ['train', 'loss 2.287', 'tokensPerSecond 18,235', 'fell back from ascend to nvidia', digest('2')]],
    ['training', ['1,000 steps of 1,000', 'attempt 2, nvidia (simulated)', 'step', 'nats a token']],
    ['data', ['11,000', '9,412', '85.6 %', 'duplicate of another document', '1,104', 'shorter than 200 characters', '391', 'heldOut', '471', DATASET.splitBy]],
    ['quality', ['✓ pass', 'held-out loss 2.411, at most 2.6 wanted', '131,072 tokens', 'closes brackets', '0.93', '0.9', 'Bar: heldOutLoss 2.6']],
    ['audit', ['✓ pass', '13,599,872', '0.003891', '0.003906', 'F32', 'BF16', 'model.layers.3.mlp.down_proj.weight', '2, all identical']],
    ['parity', ['✓ pass', 'nvidia (simulated)', 'ascend (simulated)', '99.62 %', '99.45 % – 99.73 %', '100.00 %', '94 of 120', 'Noise floor', '0.0213', '99.87 %', digest('7')]],
    ['decisions', ['ada', 'release-manager', 'figures checked against the last release', 'refused: excluded', 'Identity is asserted, not verified', digest('b'), digest('c'), digest('d'), '2026-01-01 02:05:00']],
    ['notes', ['ascend → nvidia: the job exited with code 1: HCCL timeout']],
    ['jobs', ['train', 'ascend (simulated)', 'node-7', '1m 27s', `${RELEASED.runUid}.train.r1.a1`, 'validateOnAscend candidate']],
    ['release', [`oci:/data/ferry/releases/tiny-llama:1.2.0@${digest('e')}`, 'ferry release verify --run tiny-v1', digest('f'), 'not signed']],
    ['digests', [RELEASED.specDigest, digest('b'), digest('4'), '27 MB', `policy what approve is bound to ${digest('d')}`, digest('e')]],
  ])('says in the section %s what it is about', (id, texts) => {
    for (const text of texts) expect(said(id)).toContain(text);
  });

  it('begins with what it is about, what is simulated, and the verdicts', () => {
    const head = textOf(PAGE.slice(0, PAGE.indexOf('<section')));
    for (const text of ['tiny-llama 1.2.0 completed', 'tiny-v1', 'Simulated: train on ascend and nvidia; validateOnAscend reference on nvidia; validateOnAscend candidate on ascend; validateOnAscend on ascend.', 'Quality ✓ pass', 'Parity ✓ pass agreement 99.62 %', 'Approval approved by ada, asserted']) expect(head).toContain(text);
  });

  it('names as simulated what only the validation says of its servers', () => {
    const state: RunState = { ...RELEASED, jobs: [] };
    expect(textOf(renderReport(inputOf(state)).html)).toContain('Simulated: validateOnAscend reference on nvidia; validateOnAscend candidate on ascend.');
    const real = { ...parity(), reference: { model: 'm', backend: 'nvidia' }, candidate: { model: 'm', backend: 'ascend' } };
    expect(textOf(renderReport(inputOf(state, { parity: { state: 'read', value: real, digest: digest('5'), file: 'report.json' } })).html)).not.toContain('Simulated:');
  });

  it('is well-formed, and the same for the same run whenever it is looked at', () => {
    expect(unbalanced(PAGE)).toEqual([]);
    expect(renderReport({ ...inputOf(RELEASED), lookedAt: at(999_999) }).html).toBe(PAGE);
  });

  it('asks for nothing from anywhere, and runs nothing', () => {
    const ui = viewOf(RELEASED).ui ?? '';
    expect(PAGE.replaceAll(ui, '')).not.toMatch(/https?:\/\//);
    expect(PAGE).not.toMatch(/<(?:script|link|img|iframe|object|embed|base|form)\b|@import|url\((?!#)|\son[a-z]+=/i);
    expect(PAGE).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"`.replaceAll("'", '&#39;'));
  });

  it('has a head for each column, a caption for each table and a name for each drawing', () => {
    const tables = PAGE.match(/<table>/g)?.length ?? 0;
    expect(PAGE.match(/<table><caption>[^<]+<\/caption><thead>/g)).toHaveLength(tables);
    expect(PAGE.match(/role="img"/g)?.length).toBeGreaterThan(10);
    expect(PAGE).not.toMatch(/role="img" aria-label=""|role="img"(?! aria-label)/);
    expect(PAGE.match(/<figure>/g)?.length).toBe(PAGE.match(/<figcaption>/g)?.length);
  });

  it('makes a link of a web address alone', () => {
    for (const ui of ['javascript:alert(1)', 'javascript://x/%0aalert(1)', 'data:text/html,x']) {
      const page = renderReport({ ...inputOf(RELEASED), view: { ...viewOf(RELEASED), ui } }).html;
      expect(page).toContain(ui);
      expect(page).not.toMatch(/href="(?!#)/);
    }
    expect(PAGE).toContain('<a href="http://127.0.0.1:8233/namespaces/default/workflows/tiny-v1" rel="noreferrer">');
  });
});

describe('the page of another run', () => {
  it('tells at the approval who is asked, until when, on what evidence and what to type', () => {
    const page = renderReport(inputOf(AT_THE_GATE, { release: NONE.release })).html;
    for (const text of ['waiting', 'Release tiny-llama 1.2.0?', 'release-manager', '2026-01-09 02:26:40', 'quality 0.81, the rival 0.78', 'ferry approve tiny-v1 --gate approve --as ada --reason REASON', 'Nobody has decided']) expect(said('decisions', page)).toContain(text);
    expect(said('pipeline', page)).toContain('13m 05s · waiting');
    expect(said('release', page)).toContain('the run has released nothing');
    expect(textOf(page)).toContain('Looked at 2026-01-01 00:16:40');
  });

  it('has one line in place of each kind of evidence that there is not, and says so in its sections', () => {
    const { html, sections } = renderReport(inputOf(AT_THE_GATE, {}, NONE));
    expect(said('data', html)).toContain('Nothing to show: the run has no artifact dataset.');
    expect(said('training', html)).toContain('Nothing to show: its checkpoint holds no trainer_state.json.');
    expect(sections).toEqual(['pipeline', 'stages', 'decisions', 'notes', 'jobs', 'digests']);
    expect(unbalanced(html)).toEqual([]);
  });

  it('names evidence that can’t be used at its top, in its section and where its verdict would stand', () => {
    const page = renderReport(inputOf(RELEASED, { parity: { state: 'unreadable', problem: 'it is damaged: data.bin: 3 bytes, 4 wanted', digest: digest('5'), file: 'report.json' } })).html;
    const head = textOf(page.slice(0, page.indexOf('<section')));
    expect(head).toContain('Evidence that can’t be used: it is damaged: data.bin: 3 bytes, 4 wanted');
    expect(head).toContain('Parity ! not usable');
    expect(said('parity', page)).toContain('Not shown: it is damaged: data.bin: 3 bytes, 4 wanted');
    expect(unbalanced(page)).toEqual([]);
  });

  it('says of evidence that was kept from a job which did not pass what it is', () => {
    const value = { ...parity(), verdict: { value: 'fail' as const, reasons: ['agreement 0.61, at least 0.98 wanted'] } };
    const page = renderReport(inputOf(AT_THE_GATE, { parity: { state: 'read', value, digest: digest('5'), file: 'report.json', caveat: 'Of a job that did not pass.' } })).html;
    for (const text of ['Of a job that did not pass.', '✗ fail', 'agreement 0.61, at least 0.98 wanted']) expect(said('parity', page)).toContain(text);
  });

  it('says without a worker what it could not know', () => {
    const view = { ...viewOf(AT_THE_GATE), source: 'visibility' as const, stages: [], jobs: [], notes: [] };
    const { html, sections } = renderReport({ view, evidence: noEvidence('not known'), lookedAt: at(1000) });
    expect(textOf(html)).toContain('No worker answered.');
    expect(said('pipeline', html)).toContain('Without a worker the times of stages and jobs are not known');
    expect(said('decisions', html)).toContain('Without a worker decisions are not known');
    expect(said('decisions', html)).toContain('ferry approve tiny-v1');
    for (const id of ['notes', 'release']) expect(said(id, html)).toContain('Without a worker');
    expect(sections).toEqual(['stages']);
    expect(unbalanced(html)).toEqual([]);
  });

  it('tells the role in which a decision was counted, and none for a refused one', () => {
    expect(said('decisions')).toContain('approve eve approve looks good refused: excluded signal');
    expect(said('decisions')).toContain('approve ada release-manager approve figures checked');
  });

  it('draws what was done in an earlier round pale, and says the round', () => {
    const train = RELEASED.stages['train'] ?? fail();
    const [first, ...others] = RELEASED.jobs.filter(({ stage }) => stage === 'train');
    const state: RunState = { ...RELEASED, round: 2, stages: { ...RELEASED.stages, train: { ...train, round: 2 } }, jobs: [first ?? fail(), ...others.map((job) => ({ ...job, round: 2 }))] };
    const page = renderReport(inputOf(state)).html;
    expect(sectionOf(page, 'pipeline').match(/class="faded"/g)).toHaveLength(1);
    expect(sectionOf(PAGE, 'pipeline')).not.toContain('class="faded"');
    expect(sectionOf(page, 'pipeline')).toContain('train attempt 2 of round 2 on nvidia (simulated)');
    expect(said('stages', page)).toContain('(round 2)');
    // Checkpoints of another round led to nothing in this one.
    expect(said('training', page)).not.toContain('Upright lines');
  });

  it('shows why it failed, and who acts', () => {
    const state: RunState = { ...AT_THE_GATE, status: 'failed', endedAt: at(400), failure: { kind: 'device_oom', message: 'the job exited with code 1: out of memory', owner: 'requester', nextAction: 'stop' } };
    const head = textOf(renderReport(inputOf(state)).html);
    for (const text of ['failed', 'Failure: device_oom', 'accelerator memory, streams or notify resources are short', 'out of memory', 'Who acts: requester']) expect(head).toContain(text);
  });
});

describe('what is long', () => {
  const many = Array.from({ length: 50 }, (_, i) => ({ ...(RELEASED.jobs[1] ?? fail()), key: `${RELEASED.runUid}.train.r1.a${i}`, attempt: i + 1, placedAt: at(24 + i), endedAt: at(25 + i), reason: 'x'.repeat(300) }));
  const long: RunState = { ...RELEASED, jobs: many, notes: Array.from({ length: 50 }, (_, i) => ({ at: at(i), stage: 'train', text: 'y'.repeat(400) })) };
  const items = Array.from({ length: 1000 }, (_, i) => ({ name: `item ${i}`, score: i / 1000, of: 10, detail: 'z'.repeat(500) }));
  const page = renderReport(
    inputOf(long, {
      training: { state: 'read', value: trainer(10_000), digest: digest('2'), file: 'trainer_state.json' },
      parity: { state: 'read', value: parity(500), digest: digest('5'), file: 'report.json' },
      quality: { state: 'read', value: { ...QUALITY, items }, digest: digest('3'), file: 'quality.json' },
    }),
  ).html;

  it('stays below 400 KB: 50 jobs, 2000 losses, 500 prompts, 1000 items', () => {
    expect(Buffer.byteLength(page)).toBeLessThan(400_000);
    expect(unbalanced(page)).toEqual([]);
  });

  it('says where it shows less than there is', () => {
    expect(said('training', page)).toMatch(/drawn thinned: 2,000 points as \d{3},/);
    expect(said('quality', page)).toContain('The 40 weakest of 1,000 scored items');
    expect(said('quality', page)).toContain('item 0 ');
    expect(said('quality', page)).not.toContain('item 40 ');
    const decided = { ...RELEASED, decisionCount: 70 };
    expect(said('decisions', renderReport(inputOf(decided)).html)).toContain('The newest 2 of 70 decisions');
  });
});

describe('what is wanting', () => {
  it('in an audit is all there: names, problems, a file that differs, an error above its bound', () => {
    const value = { ...AUDIT, verdict: { value: 'fail' as const, reasons: ['2 tensors are missing'] }, missing: ['lm_head.weight'], unexpected: ['extra.weight'], duplicated: ['twice.weight'], maxRelativeError: 0.5, worst: [{ tensor: 'bad.weight', maxRelativeError: 0.5, maxAbsoluteError: 1 }], carried: [{ file: 'tokenizer.json', identical: false }], problems: ['shard 2 is cut off'], values: { compared: 5, nan: 3, infinite: 2, overflowed: 1 } };
    const text = said('audit', renderReport(inputOf(RELEASED, { audit: { state: 'read', value, digest: digest('4'), file: 'audit.json' } })).html);
    for (const part of ['✗ fail', '2 tensors are missing', 'lm_head.weight', 'extra.weight', 'twice.weight', 'bad.weight', '1, 1 differ', 'tokenizer.json differs', 'shard 2 is cut off', 'Not a number 3', 'Infinite 2', 'Overflowed 1']) expect(text).toContain(part);
  });

  it('in a training log is drawn as far as it goes, and said', () => {
    const read = (log_history: ReturnType<typeof trainer>['log_history']): string => said('training', renderReport(inputOf(RELEASED, { training: { state: 'read', value: { global_step: 20, log_history }, digest: digest('2'), file: 'trainer_state.json' } })).html);
    expect(read([{ step: 10, loss: 3 }, { step: 20, loss: null }])).toContain('1 logged loss was no finite number');
    expect(read([])).toContain('The trainer logged no loss');
    expect(read([{ step: 0, eval_loss: 4 }])).toContain('Held-out loss 4 at step 0');
  });

  it('in a dataset of nothing is no division by it', () => {
    const empty = { ...DATASET, read: { documents: 0, bytes: 0 }, kept: { documents: 0, bytes: 0 }, dropped: [], sources: [], splits: {} };
    const page = renderReport(inputOf(RELEASED, { dataset: { state: 'read', value: empty, digest: digest('1'), file: 'manifest.json' } })).html;
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
    expect(PAGE).not.toMatch(/NaN|Infinity|undefined/);
  });
});

function fail(): never {
  throw new Error('the fixture has no such job');
}

it('the fixture has every kind of evidence', () => {
  expect(Object.values(EVIDENCE).map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'read'));
});
