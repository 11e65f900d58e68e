import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { SearchAttributeType, TypedSearchAttributes, defaultDataConverter, defaultPayloadConverter, defineSearchAttributeKey } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { heartbeatsOf } from '../../src/client/describe.js';
import { parseWaitingLabel, stateFrom, visibilityView } from '../../src/client/visibility-view.js';
import type { WatchHeartbeat } from '../../src/domain/job.js';
import type { RunInput } from '../../src/domain/run-input.js';
import { waitingLabel } from '../../src/domain/views.js';
import { APPROVAL, RUN_UID, handle } from '../cli/render/kit.js';

const SPEC = { schema: 'modelferry.run/1', model: 'tiny', version: 'v1', stages: { train: { attempts: [{ command: ['x'] }] }, convert: { job: { command: ['x'] } }, approve: {} } } as const;
const START: RunInput = { v: 1, runUid: RUN_UID, requestedBy: 'eve', spec: SPEC as unknown as RunInput['spec'] };

function description(attributes: Record<string, string>, { status = 'RUNNING', closed }: { status?: string; closed?: Date } = {}): WorkflowExecutionDescription {
  const pairs = Object.entries(attributes).map(([name, value]) => ({ key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD), value }));
  const known = { status: { name: status }, startTime: new Date('2026-01-02T00:00:00Z'), closeTime: closed, memo: { runUid: RUN_UID, startedAt: '2026-01-01T00:00:00.000Z' }, typedSearchAttributes: new TypedSearchAttributes(pairs), raw: {} };
  // Only what the view reads: the rest of a description comes from the server.
  return known as unknown as WorkflowExecutionDescription;
}

const view = (d: WorkflowExecutionDescription, heartbeats: WatchHeartbeat[] = [], start: RunInput | undefined = START): ReturnType<typeof visibilityView> =>
  visibilityView({ run: 'tiny-v1', description: d, heartbeats, start, failure: null, ui: null });

const statesIn = ({ stages }: ReturnType<typeof visibilityView>): Record<string, string> => Object.fromEntries(stages.map(({ name, state }) => [name, state]));

describe('a run that no worker answers for', () => {
  it('tells stage, waiting roles and the command from its attributes and its start', () => {
    const seen = view(description({ FerryStage: 'approve', FerryWaitingOn: waitingLabel(APPROVAL), FerryModel: 'tiny', FerryVersion: 'v1' }));
    expect(seen).toMatchObject({ source: 'visibility', state: 'waiting', model: 'tiny', version: 'v1', runUid: RUN_UID, startedAt: '2026-01-01T00:00:00.000Z' });
    expect(statesIn(seen)).toMatchObject({ preflight: 'skipped', prepareData: 'skipped', train: 'done', convert: 'done', approve: 'waiting', publish: 'skipped' });
    expect(seen.waitingOn).toMatchObject([{ kind: 'approval', gate: 'approve', roles: ['release-manager', 'safety'], since: null, digests: {}, commands: { ferry: 'ferry approve tiny-v1 --gate approve --as NAME --reason REASON' } }]);
  });

  it('tells its live job from the newest heartbeat', () => {
    const key = `${RUN_UID}.train.r2.a3`;
    const beat: WatchHeartbeat = { handle: handle(key), observation: 'ok', starts: 1, at: new Date().toISOString(), progress: { step: 1, total: 2, at: new Date().toISOString() } };
    const d = description({ FerryStage: 'train', FerryWaitingOn: '', FerryBackend: 'ascend (simulated)' });
    expect(view(d, [beat])).toMatchObject({ state: 'running', round: 2, waitingOn: [], jobs: [{ key, stage: 'train', round: 2, attempt: 3, backend: 'ascend', simulated: true, observation: 'ok', pid: 4711, progress: { step: 1 } }] });
  });

  it('has heartbeats of its watches; what an old one says is no longer known', async () => {
    const beat: WatchHeartbeat = { handle: handle('k'), observation: 'ok', starts: 1, at: new Date().toISOString() };
    const old = { ...beat, at: '2026-01-01T00:00:00.000Z' };
    const details = [beat, old, 'not ours'].map((value) => ({ heartbeatDetails: { payloads: [defaultPayloadConverter.toPayload(value)] } }));
    const d = { raw: { pendingActivities: details } } as unknown as WorkflowExecutionDescription;
    const client = { options: { loadedDataConverter: defaultDataConverter } } as Pick<Client, 'options'>;
    expect(await heartbeatsOf(client, d)).toEqual([beat, { ...old, observation: 'unknown', unknownSince: old.at }]);
  });

  it('says no more than is known where its start cannot be read', () => {
    const seen = view(description({ FerryStage: 'convert' }), [], undefined);
    expect(statesIn(seen)).toMatchObject({ train: 'done', convert: 'running', approve: 'pending' });
  });

  it('that was terminated waits for nobody', () => {
    const seen = view(description({ FerryStage: 'approve', FerryWaitingOn: waitingLabel(APPROVAL) }, { status: 'TERMINATED', closed: new Date('2026-01-03T00:00:00Z') }));
    expect(seen).toMatchObject({ state: 'terminated', waitingOn: [], endedAt: '2026-01-03T00:00:00.000Z' });
    expect(statesIn(seen)).toMatchObject({ approve: 'failed' });
  });
});

describe('the words for a run', () => {
  it.each([
    ['RUNNING', 'train', false, 'running'],
    ['RUNNING', 'approve', true, 'waiting'],
    ['COMPLETED', 'completed', false, 'completed'],
    ['FAILED', 'failed', false, 'failed'],
    ['FAILED', 'rejected', false, 'rejected'],
    ['CANCELLED', 'cancelled', false, 'cancelled'],
    ['TERMINATED', 'approve', true, 'terminated'],
    ['TIMED_OUT', 'train', false, 'terminated'],
  ])('%s at %s (waiting: %s) is %s', (status, stage, waiting, state) => {
    expect(stateFrom(status, stage, waiting)).toBe(state);
  });

  it('of a wait are read back as they were written, and nothing else is taken for one', () => {
    expect(parseWaitingLabel('r', waitingLabel({ ...APPROVAL, id: 'repair.convert', kind: 'repair', roles: [{ role: 'operator', quorum: 1 }] }))).toMatchObject({ kind: 'repair', gate: 'repair.convert', roles: ['operator'] });
    for (const label of [undefined, '', 'approval', 'lunch approve: x']) expect(parseWaitingLabel('r', label)).toBeUndefined();
  });
});
