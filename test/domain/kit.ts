// What the tests of the domain share: a gate, a decision, and a seeded source of chance.
import type { ArtifactRef } from '../../src/domain/artifact.js';
import { Decision } from '../../src/domain/decision.js';
import { decideOn, type DecisionAnswer, type Gate } from '../../src/domain/gate.js';
import type { SectionInput } from '../../src/domain/sections.js';
import { RunSpec, type RunSpecInput } from '../../src/domain/spec.js';

export const digest = (name: string | number): string => `sha256:${Buffer.from(String(name)).toString('hex').slice(-64).padStart(64, '0')}`;

/** A moment on one day, in minutes after midnight. */
export const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString();

export const artifact = (name: string, kind = 'model'): ArtifactRef => ({ kind, uri: `store:${name}`, digest: digest(name), bytes: 1 });

export const DIGESTS = { model: digest('model'), evidence: digest('evidence'), policy: digest('policy') };

export function approvalGate(change: Partial<Gate> = {}): Gate {
  return {
    id: 'approve',
    kind: 'approval',
    stage: 'approve',
    round: 1,
    opening: 1,
    question: 'Release tiny 1?',
    choices: [
      { id: 'approve', label: 'release it' },
      { id: 'reject', label: 'do not release it' },
    ],
    roles: [{ role: 'release-manager', quorum: 1, members: ['ana', 'bo', 'cy'] }],
    excluded: [],
    identity: 'asserted',
    openedAt: at(0),
    deadline: at(600),
    onExpiry: 'reject',
    digests: DIGESTS,
    evidence: [],
    stages: ['train', 'convert'],
    counted: [],
    ...change,
  };
}

export function repairGate(change: Partial<Gate> = {}): Gate {
  return approvalGate({
    id: 'repair.train',
    kind: 'repair',
    stage: 'train',
    choices: [
      { id: 'retry', label: 'try again as it is' },
      { id: 'change', label: 'try again with changed parameters', needs: 'set' },
      { id: 'replace_input', label: 'try again with another input', needs: 'input' },
      { id: 'send_back', label: 'redo from an earlier stage', needs: 'to' },
      { id: 'stop', label: 'stop the run' },
    ],
    roles: [{ role: 'operator', quorum: 1 }],
    onExpiry: 'stop',
    digests: {},
    stages: ['prepareData', 'train'],
    ...change,
  });
}

export const decision = (fields: Partial<Decision>): Decision => Decision.parse({ verdict: 'approve', ...fields });

export const approves = (approver: string, fields: Partial<Decision> = {}): Decision => decision({ approver, ...fields });

/** The gate and the answers after several decisions, a minute apart. */
export function decideAll(gate: Gate, decisions: readonly Partial<Decision>[]): { gate: Gate; answers: DecisionAnswer[] } {
  const answers: DecisionAnswer[] = [];
  for (const [i, fields] of decisions.entries()) {
    const result = decideOn(gate, decision(fields), at(i + 1), 'update');
    gate = result.gate;
    answers.push(result.answer);
  }
  return { gate, answers };
}

/** The same sequence of numbers in [0, 1) for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const pick = <T>(random: () => number, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

/** Freezes a value all the way down, so that writing to it throws. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) frozen(inner);
  }
  return value;
}

const JOB = { command: ['true'] };

/** A spec with every stage, as a person would write it. */
export const FULL_SPEC: RunSpecInput & { stages: Record<string, SectionInput> } = {
  schema: 'modelferry.run/1',
  model: 'tiny',
  version: '1',
  author: 'ed',
  params: { seed: 1 },
  stages: {
    preflight: {},
    prepareData: { job: JOB },
    label: { job: JOB },
    train: {
      attempts: [
        { command: ['train', '--ascend'], backend: 'ascend', simulated: true, params: { lr: 0.1 } },
        { command: ['train'], backend: 'nvidia', params: { lr: 0.1, warmup: 10 } },
      ],
    },
    assessQuality: { job: JOB },
    convert: { job: JOB },
    validateOnAscend: { job: { command: ['serve'], backend: 'ascend' } },
    approve: { roles: [{ role: 'security', quorum: 2 }] },
    publish: {},
    rollOut: { job: JOB },
  },
};

export const specOf = (change: Partial<RunSpecInput> = {}): RunSpec => RunSpec.parse({ ...FULL_SPEC, ...change });
