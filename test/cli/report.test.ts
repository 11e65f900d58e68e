import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type FerryConnection } from '../../src/client/connect.js';
import { startRun } from '../../src/client/start.js';
import { WORKFLOW_QUEUE } from '../../src/domain/ids.js';
import { keptOutputNote } from '../../src/domain/kept-output.js';
import type { RunState } from '../../src/domain/run-state.js';
import { LocalStore, artifactDataDir } from '../../src/engines/artifacts/local-store.js';
import { startTestServer, type TestServer } from '../support/temporal-server.js';
import { call, type Called } from './call.js';
import { at } from './render/kit.js';
import { sectionOf, textOf } from './render/report/check.js';
import { AT_THE_GATE, AUDIT, QUALITY, RELEASED, digest, parity } from './render/report/kit.js';

const SPEC = { schema: 'modelferry.run/1', model: 'tiny', version: 'v1', stages: { preflight: {}, train: { attempts: [{ command: ['true'] }] } } };

/** `CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION` of Temporal's API. */
const COMPLETE_WORKFLOW = 4;

let server: TestServer;
let ferry: FerryConnection;
let folder: string;
let store: LocalStore;
let quality: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ferry-report-'));
  writeFileSync(join(folder, 'site.yaml'), 'schema: modelferry.site/1\nstore: { kind: local-dir, path: store }\napprovers: [{name: ada, roles: [release-manager]}]\n');
  store = new LocalStore(join(folder, 'store'));
  quality = await takeIn({ 'quality.json': JSON.stringify(QUALITY) });
  server = await startTestServer();
  ferry = await connect({ address: server.address, home: server.home });
}, 120_000);
afterAll(async () => {
  await ferry.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

let taken = 0;
async function takeIn(files: Record<string, string>): Promise<string> {
  const dir = join(folder, `in-${(taken += 1)}`);
  mkdirSync(dir);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return (await store.add(dir, { kind: 'evidence' })).digest;
}

/** The state of the released run, whose quality stands in this store and nothing else does. */
const released = (of: string = quality, base = RELEASED): RunState => ({
  ...base,
  stages: Object.fromEntries(
    Object.entries(base.stages).map(([name, stage]) => [name, { ...stage, outputs: Object.fromEntries(Object.entries(stage.outputs).filter(([output]) => output === 'quality').map(([output, ref]) => [output, { ...ref, digest: of }])) }]),
  ),
});

/** Starts a run and ends it as its workflow would, with that state: no worker is needed for either. */
async function endedRun(id: string, state: RunState): Promise<void> {
  await startRun({ client: ferry.client, id, spec: SPEC, requestedBy: 'eve' });
  const { workflowService, options } = ferry.client;
  for (;;) {
    const task = await ferry.client.connection.withDeadline(Date.now() + 20_000, () => workflowService.pollWorkflowTaskQueue({ namespace: options.namespace, taskQueue: { name: WORKFLOW_QUEUE }, identity: 'test' }));
    const isOurs = task.workflowExecution?.workflowId === id;
    const commands = isOurs ? [{ commandType: COMPLETE_WORKFLOW, completeWorkflowExecutionCommandAttributes: { result: { payloads: [defaultPayloadConverter.toPayload({ state })] } } }] : [];
    if ((task.taskToken?.length ?? 0) > 0) await workflowService.respondWorkflowTaskCompleted({ namespace: options.namespace, taskToken: task.taskToken, commands });
    if (isOurs) return;
  }
}

const report = (args: string[], cwd = folder): Promise<Called> => call(['report', ...args, '--site', join(folder, 'site.yaml')], { cwd, env: server.env });

describe('ferry report', () => {
  it('writes the page of a run that has ended here, with what the store holds of it, and needs no worker', async () => {
    await endedRun('done', released());
    const { code, out, err } = await report(['done']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const file = join(folder, 'done-report.html');
    expect(out).toBe(`${file} (${Math.round(readFileSync(file).length / 1000)} kB)\n`);
    const page = readFileSync(file, 'utf8');
    expect(textOf(sectionOf(page, 'quality'))).toContain('held-out loss 2.411, at most 2.6 wanted');
    expect(textOf(sectionOf(page, 'audit'))).toContain('Nothing to show: the run has no artifact audit.');
    expect(textOf(sectionOf(page, 'decisions'))).toContain('figures checked against the last release');

    const { out: again } = await report(['done', '--out', '-']);
    expect(again === page).toBe(true);
    expect(JSON.parse((await report(['done', '--out', 'x.html', '--json'])).out)).toEqual({
      run: 'done',
      file: join(folder, 'x.html'),
      bytes: Buffer.byteLength(page),
      sections: ['pipeline', 'stages', 'quality', 'decisions', 'notes', 'jobs', 'release', 'digests'],
      problems: [],
    });
    const { html } = JSON.parse((await report(['done', '--out', '-', '--json'])).out) as { html: string };
    expect(html === page).toBe(true);
  });

  it('makes the page all the same where evidence is damaged, names it and exits 1', async () => {
    const damaged = await takeIn({ 'quality.json': JSON.stringify(QUALITY), 'more.txt': 'whole' });
    const file = join(artifactDataDir(store.root, damaged), 'more.txt');
    chmodSync(file, 0o644);
    writeFileSync(file, 'broken');
    await endedRun('damaged', released(damaged));
    const { code, err } = await report(['damaged']);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining(`quality ${damaged}: ${damaged} is damaged: more.txt`) });
    expect(readFileSync(join(folder, 'damaged-report.html'), 'utf8')).toContain('Evidence that can’t be used');
    expect(JSON.parse((await report(['damaged', '--json'])).out)).toMatchObject({ problems: [{ artifact: 'quality', digest: damaged, problem: expect.stringContaining('more.txt') }] });
  });

  it('shows what a validation left that did not pass, and says that the run has not taken it on', async () => {
    const failed = await takeIn({ 'report.json': JSON.stringify({ ...parity(3), verdict: { value: 'fail', reasons: ['agreement 0.61'] } }) });
    const base = released(quality, AT_THE_GATE);
    const stage = base.stages['validateOnAscend'];
    if (stage === undefined) throw new Error('no such stage');
    await endedRun('refused', { ...base, status: 'failed', endedAt: at(900), stages: { ...base.stages, validateOnAscend: { ...stage, state: 'failed' } }, notes: [{ at: at(300), stage: 'validateOnAscend', text: keptOutputNote('validation', failed) }] });
    expect((await report(['refused'])).code).toBe(0);
    const text = textOf(sectionOf(readFileSync(join(folder, 'refused-report.html'), 'utf8'), 'parity'));
    for (const part of ['Of a job of validateOnAscend that did not pass; the run has not taken it on.', '✗ fail', 'agreement 0.61', failed]) expect(text).toContain(part);
  });

  it('takes evidence that was put in place of a product for what it is now', async () => {
    const audit = await takeIn({ 'audit.json': JSON.stringify(AUDIT) });
    await endedRun('replaced', { ...released(), inputs: { audit: { kind: 'audit', uri: 'x', digest: audit, bytes: 1 } } });
    expect(JSON.parse((await report(['replaced', '--json'])).out)).toMatchObject({ sections: expect.arrayContaining(['audit']) as unknown, problems: [] });
  });

  it('says of a run that no worker answers for what is not known', async () => {
    await startRun({ client: ferry.client, id: 'dark', spec: SPEC, requestedBy: 'eve' });
    const { code, out } = await report(['dark', '--json']);
    expect({ code, json: JSON.parse(out) as unknown }).toEqual({ code: 0, json: expect.objectContaining({ sections: ['stages'], problems: [] }) });
    const page = readFileSync(join(folder, 'dark-report.html'), 'utf8');
    expect(textOf(page)).toContain('No worker answered.');
    expect(textOf(sectionOf(page, 'data'))).toContain('Nothing to show: without a worker the artifacts of the run are not known.');
    // What nobody knows must not be told as something that is not.
    expect(textOf(page)).not.toMatch(/the run has no|has released nothing|no fall-back|nobody has decided/i);
  });

  it('is an error for a run that there is not, and for a place that can’t be written', async () => {
    expect(await report(['nope', '--json'])).toMatchObject({ code: 2, out: expect.stringContaining('run_unknown') });
    expect(existsSync(join(folder, 'nope-report.html'))).toBe(false);
    const { code, out } = await report(['done', '--out', 'no/such/folder/x.html', '--json']);
    expect({ code, json: JSON.parse(out) as unknown }).toEqual({ code: 2, json: { error: expect.objectContaining({ code: 'not_written', hint: expect.stringContaining('--out') }) } });
    expect((await report([])).code).toBe(2);
  });
});

it('an artifact of another store is told as such', async () => {
  await endedRun('elsewhere', released(digest('3')));
  expect(await report(['elsewhere'])).toMatchObject({ code: 1, err: expect.stringContaining('is not in the store at') });
});
