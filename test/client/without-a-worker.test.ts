import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cancelRun } from '../../src/client/cancel.js';
import { connect, type FerryConnection } from '../../src/client/connect.js';
import { decide } from '../../src/client/decide.js';
import { describeRun } from '../../src/client/describe.js';
import { sweep } from '../../src/client/jobs.js';
import { listRuns } from '../../src/client/list.js';
import { startInputOf } from '../../src/client/run-record.js';
import { startRun, type SpecStore } from '../../src/client/start.js';
import { digestOf } from '../../src/domain/canonical.js';
import { startTestServer, type TestServer } from '../support/temporal-server.js';

const SPEC = { schema: 'modelferry.run/1', model: 'tiny', version: 'v1', targetDate: '2026-12-31', stages: { preflight: {}, train: { attempts: [{ command: ['true'] }] } } };
const ref = (kind: string, c: string): Awaited<ReturnType<SpecStore['find']>> => ({ kind, uri: `store://local-dir/sha256:${c.repeat(64)}`, digest: `sha256:${c.repeat(64)}`, bytes: 1 });

let server: TestServer;
let ferry: FerryConnection;
beforeAll(async () => {
  server = await startTestServer();
  ferry = await connect({ address: server.address, home: server.home });
}, 120_000);
afterAll(async () => {
  await ferry.close();
  await server.stop();
});

const start = (id: string, spec: unknown = SPEC): ReturnType<typeof startRun> => startRun({ client: ferry.client, id, spec, requestedBy: 'eve', ui: 'http://ui/' });

describe('starting a run', () => {
  it('twice with one id and spec is one run with one answer; another spec under it is refused with both digests', async () => {
    const first = await start('twice');
    expect(first).toMatchObject({ run: 'twice', specDigest: digestOf(SPEC), ui: 'http://ui/namespaces/default/workflows/twice' });
    expect(await start('twice')).toEqual(first);
    const other = { ...SPEC, version: 'v2' };
    await expect(start('twice', other)).rejects.toMatchObject({ code: 'run_exists', exitCode: 2, hint: expect.stringContaining('ferry status twice') });
    await expect(start('twice', other)).rejects.toThrow(new RegExp(`${digestOf(SPEC)}, not ${digestOf(other)}`));
  });

  it('at the same time from two places is one run', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => start('race')));
    expect(new Set(answers.map(({ runUid }) => runUid)).size).toBe(1);
  });

  it('sends digests in place of paths', async () => {
    const spec = { ...SPEC, code: { path: 'src' }, inputs: { dataset: { artifact: ref('dataset', 'd').digest } } };
    const packed: string[] = [];
    const openStore = (): SpecStore => ({
      pack: (path, kind) => {
        packed.push(`${kind} ${path}`);
        return Promise.resolve(ref(kind, 'c'));
      },
      find: (_digest, kind) => Promise.resolve(ref(kind, 'd')),
    });
    const started = await startRun({ client: ferry.client, id: 'packed', spec, requestedBy: 'eve', openStore });
    expect(packed).toEqual(['code src']);
    const { runId } = await ferry.client.workflow.getHandle('packed').describe();
    expect(await startInputOf(ferry.client, 'packed', runId)).toMatchObject({ runUid: started.runUid, requestedBy: 'eve', code: ref('code', 'c'), inputs: { dataset: ref('dataset', 'd') }, spec: { code: { artifact: ref('code', 'c').digest } } });
    await expect(start('no-store', spec)).rejects.toMatchObject({ code: 'no_store' });
  });

  it.each([
    ['an id that is a path', { id: '../x', requestedBy: 'eve', spec: SPEC }, 'bad_id'],
    ['a name that is none', { id: 'n', requestedBy: 'e v e', spec: SPEC }, 'bad_name'],
    ['a spec that is none', { id: 's', requestedBy: 'eve', spec: { model: 'x' } }, 'spec_invalid'],
  ])('with %s is refused before the server is asked', async (_what, input, code) => {
    await expect(startRun({ client: ferry.client, ...input })).rejects.toMatchObject({ code, exitCode: 2 });
  });
});

describe('without a worker', () => {
  it('a run is described from visibility within 3 s, and listed', async () => {
    const { runUid } = await start('dark');
    const began = Date.now();
    const view = await describeRun({ client: ferry.client, run: 'dark', ui: null });
    expect(Date.now() - began).toBeLessThan(3000);
    expect(view).toMatchObject({ source: 'visibility', state: 'running', runUid, model: 'tiny', version: 'v1', ui: null, waitingOn: [], jobs: [] });
    expect(view.stages.slice(0, 4).map(({ name, state }) => `${name} ${state}`)).toEqual(['preflight running', 'prepareData skipped', 'label skipped', 'train pending']);
    await expect.poll(async () => (await listRuns({ client: ferry.client, model: 'tiny' })).find(({ run }) => run === 'dark'), { timeout: 10_000 }).toMatchObject({ runUid, state: 'running', stage: 'preflight', waitingOn: null, targetDate: '2026-12-31T00:00:00.000Z' });
    expect(await listRuns({ client: ferry.client, state: 'waiting' })).toEqual([]);
    expect(await listRuns({ client: ferry.client, limit: 1 })).toHaveLength(1);
    expect(await listRuns({ client: ferry.client, model: `x' OR FerryModel = 'tiny` })).toEqual([]);
  });

  it('a decision is given up and leaves nothing in the server: exit 4, nothing was recorded', async () => {
    await start('undecided');
    const decision = { verdict: 'approve', approver: 'ada', reason: 'fine', digests: {} };
    await expect(decide({ client: ferry.client, run: 'undecided', decision, timeoutMs: 500 })).rejects.toMatchObject({ code: 'no_worker', exitCode: 4, message: expect.stringContaining('nothing was recorded'), hint: expect.stringContaining('--durable') });
    const { historyLength } = await ferry.client.workflow.getHandle('undecided').describe();
    expect(historyLength).toBe(2);
    // A durable one is a signal, which the history keeps.
    expect(await decide({ client: ferry.client, run: 'undecided', decision, durable: true, timeoutMs: 500 })).toMatchObject({ accepted: null, code: 'left' });
    expect((await ferry.client.workflow.getHandle('undecided').describe()).historyLength).toBe(3);
    await expect(decide({ client: ferry.client, run: 'undecided', decision: { ...decision, verdict: 'retry' }, durable: true, timeoutMs: 500 })).rejects.toMatchObject({ code: 'no_signal' });
  });

  it('a cancellation is kept for the next worker, and a run that has ended is not cancelled again', async () => {
    await start('cancelled');
    expect(await cancelRun({ client: ferry.client, run: 'cancelled', reason: 'a\nb', identity: 'eve' })).toMatchObject({ requested: true, state: 'running' });
    await ferry.client.workflow.getHandle('cancelled').terminate('by the test');
    expect(await cancelRun({ client: ferry.client, run: 'cancelled', identity: 'eve' })).toMatchObject({ requested: false, state: 'terminated' });
    expect(await decide({ client: ferry.client, run: 'cancelled', decision: { verdict: 'approve', reason: '', digests: {} } })).toMatchObject({ accepted: false, code: 'closed' });
    expect(await describeRun({ client: ferry.client, run: 'cancelled', timeoutMs: 300 })).toMatchObject({ state: 'terminated', source: 'visibility' });
  });

  it('a sweep is withdrawn: nothing is left that a later worker would do', async () => {
    await expect(sweep({ client: ferry.client, dryRun: false, listOnly: false, timeoutMs: 500 })).rejects.toMatchObject({ code: 'no_worker', exitCode: 4 });
    await expect.poll(async () => (await ferry.client.workflow.count(`WorkflowType = 'sweepJobs' AND ExecutionStatus = 'Running'`)).count, { timeout: 10_000 }).toBe(0);
  });
});

describe('a run that does not exist', () => {
  it('is told with the nearest id', async () => {
    await start('nearly-there');
    await expect
      .poll(() => describeRun({ client: ferry.client, run: 'nearly-their' }).catch((error: unknown) => error), { timeout: 10_000 })
      .toMatchObject({ code: 'run_unknown', exitCode: 2, hint: expect.stringContaining('ferry status nearly-there') });
    await expect(cancelRun({ client: ferry.client, run: randomUUID(), identity: 'eve' })).rejects.toMatchObject({ code: 'run_unknown' });
    await expect(describeRun({ client: ferry.client, run: 'x'.repeat(2000) })).rejects.toMatchObject({ code: 'run_unknown' });
  });
});
