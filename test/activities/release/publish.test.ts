import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../../src/activities/artifacts/stores/store.js';
import { createReleaseActivities, type PublishRequest, type PublishedRelease } from '../../../src/activities/release/index.js';
import type { ArtifactRef } from '../../../src/domain/artifact.js';
import { approvalDigests, excludedFrom, type ApprovalSubject } from '../../../src/domain/approval.js';
import { decideOn, type Gate } from '../../../src/domain/gate.js';
import type { RunInput } from '../../../src/domain/run-input.js';
import { initialState, type RunState } from '../../../src/domain/run-state.js';
import { rolesOf, type SiteView } from '../../../src/domain/site-view.js';
import type { RunSpecInput } from '../../../src/domain/spec.js';
import { RELEASE_PIPELINE, RELEASE_STAGES, STAGE_NAMES } from '../../../src/domain/stage.js';
import { StoreError } from '../../../src/engines/artifacts/store-error.js';
import { listReleases, readRelease } from '../../../src/engines/oci/read-release.js';
import type { RunContext } from '../../../src/workflows/run-context.js';
import type { PipelineShape } from '../../../src/workflows/pipeline.js';
import type { StageCall } from '../../../src/workflows/stage.js';
import { publish } from '../../../src/workflows/stages/publish.js';
import { subjectOf } from '../../../src/workflows/stages/approval-stage.js';
import { FULL_SPEC, approvalGate, artifact, at, decision, specOf } from '../../domain/kit.js';
import { ENCRYPTED, accepted, payload, serverWith, signalled, started, task } from './kit.js';

const SITE = {
  name: 'test',
  approval: { identity: 'asserted', excludeAuthor: true, roles: [{ role: 'release-manager', quorum: 1, members: ['alice', 'ana', 'bob', 'ed'] }] },
  members: { 'release-manager': ['alice', 'ana', 'bob', 'ed'], security: ['dee', 'eve'] },
} as unknown as SiteView;

const model = artifact('model');
const start = (change: Partial<RunInput> = {}, spec: Partial<RunSpecInput> = {}): RunInput => ({ v: 1, runUid: 'uid-00001', spec: { ...FULL_SPEC, author: undefined, stages: { ...FULL_SPEC.stages, approve: {} }, ...spec }, requestedBy: 'alice', ...change });

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-publish-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));
const releasesRoot = (): string => join(place, 'releases');

/** Has one file for every artifact, and says that everything is whole; keeps the text of the release that it takes in. */
function storeOf(change: Partial<ArtifactStore> = {}): ArtifactStore & { taken: string[] } {
  const source = join(place, 'weights');
  writeFileSync(source, 'weights');
  const taken: string[] = [];
  return {
    kind: 'local-dir',
    taken,
    add: async (path) => {
      taken.push(await readFile(path, 'utf8'));
      return artifact('release', 'release');
    },
    find: () => Promise.resolve(undefined),
    verify: () => Promise.resolve([]),
    files: () => Promise.resolve([{ path: 'weights', bytes: 7, sha256: createHash('sha256').update('weights').digest('hex'), source }]),
    ...change,
  };
}

/** A run that says that these people asked for it and these roles decide, and that one person approved. */
function approvedBy(approver: string, requesters: string[], added: { role: string; quorum: number }[] = [], evidence: Record<string, ArtifactRef> = {}): PublishRequest {
  const subject: ApprovalSubject = { model, evidence, roles: rolesOf(SITE, added), excluded: excludedFrom(SITE, requesters), identity: 'asserted' };
  const gate = decideOn(approvalGate({ roles: subject.roles, excluded: subject.excluded, digests: approvalDigests(subject) }), decision({ approver, reason: 'fine' }), at(2), 'update').gate;
  return { run: 'run-1', runUid: 'uid-00001', executionRunId: 'last', name: 'tiny', version: '1', requesters, gate, model, evidence };
}

const approvedByNobody = (request: PublishRequest): PublishRequest => ({ ...request, gate: { ...request.gate, counted: [] } });

async function publishing(request: PublishRequest, input: unknown, store: ArtifactStore = storeOf()): Promise<PublishedRelease> {
  const { approver, reason } = request.gate.counted[0] ?? { approver: 'nobody', reason: '' };
  // A message that nobody can read must not stand in the way of those that prove something.
  const client = serverWith({ last: [started(0, input), signalled('nudge', ENCRYPTED), signalled('approve', ENCRYPTED), ...task(1), ...task(2, accepted('u1', 'decide', payload({ verdict: 'approve', approver, reason })))] });
  const { publishRelease } = createReleaseActivities({ store, siteView: SITE, client, releasesRoot: releasesRoot() });
  return (await new MockActivityEnvironment({ heartbeatTimeoutMs: 15_000 }).run(() => publishRelease(request))) as PublishedRelease;
}

describe('publishing', () => {
  it('goes through when somebody approved who did not ask for it', async () => {
    const { release, ref, digest } = await publishing(approvedBy('ana', ['alice']), start());
    expect(release).toEqual(artifact('release', 'release'));
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(ref).toBe(`oci:${releasesRoot()}/tiny:1@${digest}`);
  });

  it('leaves a release whose record is the pipeline\'s own, with every piece of evidence by name', async () => {
    const store = storeOf();
    const evidence = { quality: artifact('quality', 'evaluation'), audit: artifact('audit', 'audit') };
    const { digest } = await publishing(approvedBy('ana', ['alice'], [], evidence), start(), store);
    const release = await readRelease({ layout: join(releasesRoot(), 'tiny'), version: '1' });
    expect(release.evidence.map(({ manifest }) => manifest.annotations?.['io.modelferry.evidence'])).toEqual(['audit', 'quality']);
    expect(release.records.map(({ document }) => document)).toEqual([JSON.parse(store.taken[0] ?? '')]);
    expect(release.records[0]?.document).toMatchObject({ run: 'run-1', artifacts: { model, ...evidence }, oci: { model: digest }, approval: { decisions: [{ approver: 'ana' }] } });
  });

  it('a second time is the same release', async () => {
    const request = approvedBy('ana', ['alice']);
    expect(await publishing(request, start())).toEqual(await publishing(request, start()));
  });

  it('is refused for a version that another run published, and the store keeps no record of it', async () => {
    await publishing(approvedBy('ana', ['alice']), start());
    const store = storeOf();
    await expect(publishing({ ...approvedBy('ana', ['alice']), runUid: 'uid-00002' }, start({ runUid: 'uid-00002' }), store)).rejects.toMatchObject({ type: 'release_exists', nonRetryable: true, message: expect.stringContaining('published already') });
    expect(store.taken).toEqual([]);
  });

  it.each([{ name: 'huge' }, { version: '2' }])('is refused under a name that the run was not started for: %j', async (change) => {
    await expect(publishing({ ...approvedBy('ana', ['alice']), ...change }, start())).rejects.toMatchObject({ type: 'approval_unproved', message: expect.stringContaining('started for tiny 1') });
  });

  it.each([
    ['unproved', {}, approvedByNobody, 'approval_unproved'],
    ['about damaged bytes', { verify: () => Promise.resolve(['weights: content changed']) }, (request: PublishRequest) => request, 'artifact_corrupt'],
  ])('writes nothing where it is %s', async (_what, change, forged, type) => {
    const store = storeOf(change);
    await expect(publishing(forged(approvedBy('ana', ['alice'])), start(), store)).rejects.toMatchObject({ type });
    expect(existsSync(releasesRoot())).toBe(false);
    expect(store.taken).toEqual([]);
  });

  it('on a full disk asks a person at once instead of trying for minutes', async () => {
    const store = storeOf({ add: () => Promise.reject(new StoreError('storage_full', 'no space left while copying')) });
    await expect(publishing(approvedBy('ana', ['alice']), start(), store)).rejects.toMatchObject({ type: 'storage_full', nonRetryable: true });
    expect((await listReleases(releasesRoot())).releases).toEqual([]);
  });

  it.each<[string, string, string[], RunInput]>([
    ['started it', 'alice', ['bob'], start()],
    ['is its author', 'ed', ['alice'], start({}, { author: 'ed' })],
    ['started it for another author', 'alice', ['ed'], start({}, { author: 'ed' })],
    ['asked for the run that this one takes over from', 'alice', ['bob'], start({ requestedBy: 'bob', resume: { run: 'run-0', runUid: 'uid-00000', from: 'approve', requesters: ['alice'], stages: {} } })],
  ])('is refused when the approver %s, whatever the run says', async (_what, approver, claimed, input) => {
    await expect(publishing(approvedBy(approver, claimed), input)).rejects.toMatchObject({ type: 'approval_unproved', message: expect.stringContaining(`${approver} asked for this release`) });
  });

  it('asks the roles that the pipeline has beside those of its spec, and takes both for one policy, in whatever order they were said', async () => {
    const roles = [{ role: 'security', quorum: 1 }, { role: 'legal', quorum: 1 }];
    const input = start({}, { stages: { ...FULL_SPEC.stages, approve: { roles: [{ role: 'legal' }] } } });
    const refused = await publishing({ ...approvedBy('ana', ['alice'], roles), roles }, input).catch((error: unknown) => error);
    expect(refused).toMatchObject({ type: 'approval_unproved', message: expect.stringMatching(/security: 0 of 1 approvals are proved; legal: 0 of 1/) });
    expect((refused as Error).message).not.toContain('another policy');
  });

  it('asks the roles of the recorded spec, which the run can\'t leave out', async () => {
    const input = start({}, { stages: { ...FULL_SPEC.stages, approve: { roles: [{ role: 'security' }] } } });
    await expect(publishing(approvedBy('ana', ['alice']), input)).rejects.toMatchObject({ type: 'approval_unproved', message: expect.stringContaining('security: 0 of 1 approvals are proved') });
  });

  it.each([['nothing', undefined], ['no spec', { ...start(), spec: 'mine' }], ['nobody who asks', { ...start(), requestedBy: '' }]])('is refused for a run that was started with %s', async (_what, input) => {
    await expect(publishing(approvedBy('ana', ['alice']), input)).rejects.toMatchObject({ type: 'approval_unproved', message: expect.stringContaining('start of the run') });
  });
});

describe('the stages of a run', () => {
  const stateWith = (change: Partial<RunState>): RunState => ({ ...initialState({ run: 'run-1', runUid: 'uid-00001', model: 'tiny', version: '1', specDigest: 'x', requestedBy: 'ed', requesters: ['ed', 'alice', 'bob'], startedAt: at(0), order: [...STAGE_NAMES] }), ...change });
  const callOf = (state: RunState, name: 'approve' | 'publish'): StageCall => ({
    ctx: { state, pipeline: RELEASE_PIPELINE, spec: specOf({ stages: { ...FULL_SPEC.stages, approve: {} } }), emit: () => undefined } as unknown as RunContext,
    shape: {} as PipelineShape,
    name,
    section: name,
    description: RELEASE_STAGES[name],
    inputs: { model },
    params: {},
  });

  it('put nobody before the gate who asked for the release in any way', () => {
    expect(subjectOf(callOf(stateWith({}), 'approve'), SITE).excluded).toEqual(['alice', 'bob', 'ed']);
    const lax = { ...SITE, approval: { ...SITE.approval, excludeAuthor: false } };
    expect(subjectOf(callOf(stateWith({}), 'approve'), lax).excluded).toEqual([]);
  });

  it('publish nothing on the approval of a round that was sent back', async () => {
    const gate: Gate = approvedBy('ana', ['alice']).gate;
    const state = stateWith({ gates: { approve: gate }, round: 2 });
    const later = { ...state, stages: { ...state.stages, approve: { ...state.stages['approve'], round: 2 } } } as RunState;
    await expect(publish.run(callOf(later, 'publish'))).rejects.toMatchObject({ failure: { kind: 'approval_unproved', message: expect.stringContaining('round 1') } });
  });
});
