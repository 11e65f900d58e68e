import type { Gate } from '../../../../src/domain/gate.js';
import type { AuditReport } from '../../../../src/domain/reports/audit-report.js';
import type { DatasetCard } from '../../../../src/domain/reports/dataset-card.js';
import type { PairSummary, ParityReport } from '../../../../src/domain/reports/parity-report.js';
import type { QualityReport } from '../../../../src/domain/reports/quality-report.js';
import type { RunState } from '../../../../src/domain/run-state.js';
import type { ReportInput } from '../../../../src/cli/render/report/input.js';
import type { Evidence } from '../../../../src/engines/evidence/collect.js';
import type { TrainerState } from '../../../../src/engines/evidence/trainer-state.js';
import { APPROVAL, RUN_UID, at, handle, stateBy, viewOf } from '../kit.js';

export const digest = (c: string): string => `sha256:${c.repeat(64)}`;

/** Numbers between 0 and 1 that look random and are the same every time. */
export function noise(seed: number): () => number {
  let x = seed;
  return () => {
    x = (x * 1103515245 + 12345) % 2147483648;
    return x / 2147483648;
  };
}

const key = (stage: string, attempt = 1, server = ''): string => `${RUN_UID}.${stage}.r1.a${attempt}${server === '' ? '' : `.${server}`}`;
const output = (kind: string, c: string, bytes: number): { kind: string; uri: string; digest: string; bytes: number } => ({ kind, uri: `store://local-dir/${digest(c)}`, digest: digest(c), bytes });
const FRESH = { index: 0, failures: 0, again: 0, bestStep: null };

type Timed = Parameters<typeof stateBy>[number];

interface JobTimes {
  stage: string;
  from: number;
  to: number;
  attempt?: number;
  backend?: 'nvidia' | 'ascend' | 'cpu';
  simulated?: boolean;
  reason?: string;
  step?: number;
}

function job({ stage, from, to, attempt = 1, backend = 'cpu', simulated = false, reason, step }: JobTimes): Timed[] {
  const own = key(stage, attempt);
  const exit = { exitCode: reason === undefined ? 0 : 1, signal: null, startedAt: at(from), endedAt: at(to), outputs: {} };
  const checkpoint = step === undefined ? {} : { checkpoint: { step, path: `step-${step}`, digest: digest('9'), bytes: 1, backend, attempt, at: at(to) } };
  return [
    [from, { type: 'job_placed', stage, key: own, attempt, backend, simulated, executor: 'local', queue: 'q' }],
    [from, { type: 'job_submitted', key: own, handle: handle(own) }],
    [to, { type: 'job_ended', key: own, state: reason === undefined ? 'done' : 'failed', ladder: FRESH, outcome: { state: 'exited', starts: 1, exit, lastLines: [], lineCount: 0, ...checkpoint }, ...(reason === undefined ? {} : { reason }) }],
  ];
}

function server(name: 'reference' | 'candidate', backend: 'nvidia' | 'ascend', from: number, to: number): Timed[] {
  const own = key('validateOnAscend', 1, name);
  return [
    [from, { type: 'server_placed', stage: 'validateOnAscend', key: own, server: name, attempt: 1, backend, simulated: true, executor: 'local', queue: 'q' }],
    [from, { type: 'job_submitted', key: own, handle: handle(own) }],
    [to, { type: 'server_ended', key: own, state: 'done', outcome: { state: 'exited', starts: 1, exit: { exitCode: 0, signal: null, startedAt: at(from), endedAt: at(to), stopReason: 'finished', outputs: {} }, lastLines: [], lineCount: 0 } }],
  ];
}

const GATE: Gate = { ...APPROVAL, openedAt: at(215), counted: [], question: 'Release tiny-llama 1.2.0?', roles: [{ role: 'release-manager', quorum: 1, members: ['ada'] }] };
const DECIDED = { approver: 'ada', role: 'release-manager', verdict: 'approve', reason: 'figures checked against the last release', route: 'update' as const, at: at(7_500) };
const decision = (approver: string, verdict: string, reason: string): { verdict: string; approver: string; reason: string; digests: Record<string, never> } => ({ verdict, approver, reason, digests: {} });

const TO_THE_GATE: Timed[] = [
  [0, { type: 'stage_started', stage: 'preflight' }],
  [1, { type: 'stage_done', stage: 'preflight', outputs: {}, figures: {} }],
  [1, { type: 'stage_started', stage: 'prepareData' }],
  ...job({ stage: 'prepareData', from: 1, to: 24 }),
  [24, { type: 'stage_done', stage: 'prepareData', outputs: { dataset: output('dataset', '1', 11_234_567) }, figures: { documents: 9412 } }],
  [24, { type: 'stage_skipped', stage: 'label', reason: 'the spec leaves it out' }],
  [24, { type: 'stage_started', stage: 'train' }],
  ...job({ stage: 'train', from: 24, to: 63, backend: 'ascend', simulated: true, reason: 'the job exited with code 1: HCCL timeout; 1 of 1 failures without progress', step: 350 }),
  [63, { type: 'fell_back', stage: 'train', from: 'ascend', to: 'nvidia', reason: 'the job exited with code 1: HCCL timeout' }],
  ...job({ stage: 'train', from: 65, to: 152, attempt: 2, backend: 'nvidia', simulated: true, step: 1000 }),
  [152, { type: 'stage_done', stage: 'train', outputs: { checkpoint: output('checkpoint', '2', 54_400_000) }, figures: { step: 1000, loss: 2.2873, tokensPerSecond: 18234.5 }, reason: 'fell back from ascend to nvidia' }],
  [152, { type: 'stage_started', stage: 'assessQuality' }],
  ...job({ stage: 'assessQuality', from: 152, to: 164 }),
  [164, { type: 'stage_done', stage: 'assessQuality', outputs: { quality: output('evaluation', '3', 4211) }, figures: { verdict: 'pass', heldOutLoss: 2.4112 } }],
  [164, { type: 'stage_started', stage: 'convert' }],
  ...job({ stage: 'convert', from: 164, to: 172 }),
  [172, { type: 'stage_done', stage: 'convert', outputs: { model: output('model', 'b', 27_200_000), audit: output('audit', '4', 3100) }, figures: { verdict: 'pass', tensors: 57 } }],
  [172, { type: 'stage_started', stage: 'validateOnAscend' }],
  ...server('reference', 'nvidia', 172, 214),
  ...server('candidate', 'ascend', 173, 214),
  ...job({ stage: 'validateOnAscend', from: 181, to: 213, backend: 'ascend', simulated: true }),
  [214, { type: 'stage_done', stage: 'validateOnAscend', outputs: { validation: output('validation', '5', 18_000) }, figures: { verdict: 'pass', agreement: 0.9962 } }],
  [215, { type: 'stage_started', stage: 'approve' }],
  [215, { type: 'gate_opened', gate: GATE }],
];

const REFUSED: Timed = [7_400, { type: 'decision_judged', gate: 'approve', route: 'signal', decision: decision('eve', 'approve', 'looks good'), answer: { accepted: false, code: 'excluded', reason: '', quorum: {} } }];

/** As far as the approval. */
export const AT_THE_GATE: RunState = { ...stateBy(...TO_THE_GATE), model: 'tiny-llama', version: '1.2.0' };

/** A run that fell back once, was approved after two hours and is released. */
export const RELEASED: RunState = {
  ...stateBy(
    ...TO_THE_GATE,
    REFUSED,
    [
      7_500,
      {
        type: 'decision_judged',
        gate: 'approve',
        route: 'update',
        decision: decision('ada', 'approve', DECIDED.reason),
        answer: { accepted: true, code: 'accepted', reason: '', quorum: {} },
        next: { ...GATE, counted: [DECIDED], outcome: { verdict: 'approve', by: ['ada'], at: at(7_500), reason: DECIDED.reason } },
      },
    ],
    [7_500, { type: 'stage_done', stage: 'approve', outputs: {}, figures: { approvals: 1 }, reason: 'approved by ada (identity asserted)' }],
    [7_500, { type: 'stage_started', stage: 'publish' }],
    [7_503, { type: 'released', ref: `oci:/data/ferry/releases/tiny-llama:1.2.0@${digest('e')}`, digest: digest('e') }],
    [7_503, { type: 'stage_done', stage: 'publish', outputs: { release: output('release', '6', 2100) }, figures: { bytes: 27_200_000 } }],
    [7_503, { type: 'stage_skipped', stage: 'rollOut', reason: 'the spec leaves it out' }],
    [7_504, { type: 'ended', status: 'completed' }],
  ),
  model: 'tiny-llama',
  version: '1.2.0',
};

export const DATASET: DatasetCard = {
  schema: 'modelferry.dataset/1',
  sources: [
    { name: 'docs-en', documents: 8100, bytes: 9_400_000 },
    { name: 'docs-zh', documents: 2900, bytes: 3_300_000 },
  ],
  read: { documents: 11_000, bytes: 12_700_000 },
  kept: { documents: 9412, bytes: 11_234_567 },
  dropped: [
    { reason: 'duplicate of another document', documents: 1104, bytes: 1_200_000 },
    { reason: 'shorter than 200 characters', documents: 391, bytes: 41_000 },
    { reason: 'a likely secret', documents: 93, bytes: 224_433 },
  ],
  splits: { train: { file: 'train.jsonl', documents: 8941, bytes: 10_700_000 }, heldOut: { file: 'held-out.jsonl', documents: 471, bytes: 534_567 } },
  splitBy: 'sha256 of the normalised text, so that no document is in both',
  seed: 17,
};

/** A loss that falls with some noise, logged every `every` steps; what was held out every 100. */
export function trainer(steps: number, every = 5): TrainerState {
  const random = noise(steps);
  const curve = (step: number): number => 2.2 + 8 / (1 + step / 40);
  const train = Array.from({ length: steps / every }, (_, i) => ({ step: (i + 1) * every, epoch: i / 100, learning_rate: 0.001, loss: curve((i + 1) * every) + (random() - 0.5) * 0.35 }));
  const heldOut = Array.from({ length: steps / 100 }, (_, i) => ({ step: (i + 1) * 100, epoch: i / 10, eval_loss: curve((i + 1) * 100) + 0.1 }));
  return { global_step: steps, max_steps: steps, epoch: 3, log_history: [...train, ...heldOut, { step: steps, train_runtime: 120.5 }] };
}

export const QUALITY: QualityReport = {
  schema: 'modelferry.quality/1',
  verdict: { value: 'pass', reasons: ['held-out loss 2.411, at most 2.6 wanted', 'every item is above its bar'] },
  heldOut: { tokens: 131_072, loss: 2.4112 },
  items: [
    { name: 'closes brackets', score: 0.93, of: 200 },
    { name: 'continues lists', score: 0.81, of: 150, detail: 'weakest where items are sentences' },
    { name: 'keeps the language', score: 0.988, of: 500 },
  ],
  bar: { heldOutLoss: 2.6, 'closes brackets': 0.9, 'continues lists': 0.75, 'keeps the language': 0.95 },
};

export const AUDIT: AuditReport = {
  schema: 'modelferry.audit/1',
  verdict: { value: 'pass', reasons: ['all 57 tensors are there, and every value is within half a step of BF16'] },
  source: { files: 1, tensors: 57, bytes: 54_400_000 },
  target: { files: 2, tensors: 57, bytes: 27_200_000 },
  dtypes: [
    { from: 'F32', to: 'BF16', tensors: 52 },
    { from: 'F32', to: 'F32', tensors: 5 },
  ],
  missing: [],
  unexpected: [],
  duplicated: [],
  values: { compared: 13_599_872, nan: 0, infinite: 0, overflowed: 0 },
  maxRelativeError: 0.003891,
  bound: 0.00390625,
  worst: [
    { tensor: 'model.layers.3.mlp.down_proj.weight', maxRelativeError: 0.003891, maxAbsoluteError: 0.00012 },
    { tensor: 'model.embed_tokens.weight', maxRelativeError: 0.003744, maxAbsoluteError: 0.00047 },
  ],
  carried: [
    { file: 'tokenizer.json', identical: true },
    { file: 'generation_config.json', identical: true },
  ],
  left: ['trainer_state.json'],
  problems: [],
};

const PAIR: PairSummary = { prompts: 120, positions: 7411, agreement: 0.99622, agreementInterval: [0.99455, 0.99738], identical: 94, firstDivergence: { min: 3, median: 31 }, logprobError: { mean: 0.00412, p50: 0.0031, p99: 0.0213, max: 0.0877 }, topKInclusion: 0.9987 };

export function parity(prompts = 120): ParityReport {
  const random = noise(prompts);
  return {
    schema: 'modelferry.parity/1',
    verdict: { value: 'pass', reasons: ['agreement 0.9962, its interval above the bound 0.98', 'mean logprob error 0.00412, at most 0.02 wanted'] },
    reference: { model: 'tiny-llama-1.2.0-fp32', backend: 'nvidia (simulated)' },
    candidate: { model: 'tiny-llama-1.2.0-bf16', backend: 'ascend (simulated)' },
    promptsDigest: digest('7'),
    maxTokens: 64,
    topK: 5,
    pair: { ...PAIR, prompts },
    noiseFloor: { ...PAIR, prompts, positions: prompts * 64, agreement: 1, agreementInterval: [0.9995, 1], identical: prompts, firstDivergence: undefined, logprobError: { mean: 0, p50: 0, p99: 0, max: 0 }, topKInclusion: 1 },
    bounds: { agreement: 0.98, meanLogprobError: 0.02 },
    points: Array.from({ length: prompts }, (_, prompt) => {
      const parts = random() < 0.22;
      const agreed = parts ? 3 + Math.floor(random() * 60) : 64;
      const meanError = 0.001 + random() ** 2 * 0.009 + (parts ? random() * 0.01 : 0);
      return { prompt, agreed, of: 64, meanError, maxError: meanError * 6 };
    }),
  };
}

export const EVIDENCE: Evidence = {
  dataset: { state: 'read', value: DATASET, digest: digest('1'), file: 'manifest.json' },
  training: { state: 'read', value: trainer(1000), digest: digest('2'), file: 'trainer_state.json' },
  quality: { state: 'read', value: QUALITY, digest: digest('3'), file: 'quality.json' },
  audit: { state: 'read', value: AUDIT, digest: digest('4'), file: 'audit.json' },
  parity: { state: 'read', value: parity(), digest: digest('5'), file: 'report.json' },
  release: {
    state: 'read',
    digest: digest('6'),
    file: 'release.json',
    value: {
      schema: 'modelferry.release/1',
      model: 'tiny-llama',
      version: '1.2.0',
      run: 'tiny-v1',
      runUid: RUN_UID,
      artifacts: { model: { kind: 'model', digest: digest('b') }, quality: { kind: 'evaluation', digest: digest('3') }, validation: { kind: 'validation', digest: digest('5') } },
      approval: { identity: 'asserted', digests: { model: digest('b'), evidence: digest('c'), policy: digest('d') }, decisions: [DECIDED] },
      oci: { model: digest('e'), evidence: { quality: digest('f'), validation: digest('0') } },
    },
  },
};

export const NONE: Evidence = {
  dataset: { state: 'absent', why: 'the run has no artifact dataset' },
  training: { state: 'absent', why: 'its checkpoint holds no trainer_state.json' },
  quality: { state: 'absent', why: 'the run has no artifact quality' },
  audit: { state: 'absent', why: 'the run has no artifact audit' },
  parity: { state: 'absent', why: 'the run has no artifact validation' },
  release: { state: 'absent', why: 'the run has no artifact release' },
};

/** The input of a page, by a state and what is changed of the evidence. */
export const inputOf = (state: RunState, evidence: Partial<Evidence> = {}, base: Evidence = EVIDENCE): ReportInput => ({ view: viewOf(state), state, evidence: { ...base, ...evidence }, lookedAt: at(1000) });
