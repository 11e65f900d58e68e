import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunState } from '../../src/domain/run-state.js';
import type { SiteInput } from '../../src/domain/site.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { payloadCodec } from '../../src/temporal-codec.js';
import { call, type Called } from '../cli/call.js';
import { ringOf } from '../support/payload-keys.js';
import { TEST_SITE, makes, shellJob, startStack, until, type Stack, type WorkerProcess } from '../support/stack.js';

const [K1, K2, LOST] = [randomBytes(32), randomBytes(32), randomBytes(32)] as const;
const ENV = { K1: K1.toString('base64'), K2: K2.toString('hex'), LOST: LOST.toString('base64') };
const secrets = { k1: { env: 'K1' }, k2: { env: 'K2' }, lost: { env: 'LOST' } };
const siteWith = (...names: string[]): SiteInput => ({ ...TEST_SITE, secrets, payloads: { encryption: { key: { secret: names[0] ?? '' }, previous: names.slice(1).map((secret) => ({ secret })) } } });

/** In the spec alone, in a decision alone, in what a job prints, and in a rejection. */
const PLANTED = ['planted-Param-9QzT4vLw', 'planted-Reason-x7Kp2mRd', 'planted-Line-h3Wn8sYb', 'planted-Reject-c5Jt6gFa'] as const;
const [PARAM, REASON, LINE, REJECTION] = PLANTED;
/** Shows that what is looked for would be found. */
const IN_THE_CLEAR = 'planted-Clear-u2Ve7qXk';

const specOf = (version: string, script = makes('checkpoint')): RunSpecInput => ({
  schema: 'modelferry.run/1',
  model: 'tiny',
  version,
  params: { note: PARAM },
  stages: { train: { attempts: [shellJob(script)] }, convert: { job: shellJob(makes('model')) }, approve: {}, publish: {} },
});

let stack: Stack;
let worker: WorkerProcess;
let logs = '';
/** One that knows no key, as the Temporal UI's own signals. */
let plain: Client;

beforeAll(async () => {
  stack = await startStack({ codec: payloadCodec({ keys: async () => ringOf(K1, K2), unreadable: 'throw' }) });
  plain = new Client({ connection: stack.client.connection });
  for (const [file, site] of Object.entries({ k1: siteWith('k1'), k2: siteWith('k2', 'k1'), lost: siteWith('lost'), none: TEST_SITE })) writeFileSync(join(stack.home, `${file}.site.json`), JSON.stringify(site));
}, 180_000);
afterAll(async () => {
  await worker?.drain();
  await stack?.stop();
});

async function useWorker(site: SiteInput): Promise<void> {
  await worker?.drain();
  logs += worker?.log() ?? '';
  worker = await stack.startWorker({ site, env: ENV, logLevel: 'trace' });
}

/** `ferry`, with the site file of this name. */
const ferry = (site: 'k1' | 'k2' | 'lost' | 'none', ...args: string[]): Promise<Called> =>
  call([...args, '--json'], { cwd: stack.home, env: { ...ENV, FERRY_HOME: stack.home, FERRY_SITE: join(stack.home, `${site}.site.json`), TEMPORAL_ADDRESS: stack.server.address } });
const answerOf = ({ out }: Called): Record<string, unknown> => JSON.parse(out) as Record<string, unknown>;
const handle = (id: string): ReturnType<Client['workflow']['getHandle']> => stack.client.workflow.getHandle(id);

async function start(site: 'k1' | 'k2' | 'none', id: string, spec: RunSpecInput): Promise<void> {
  const file = join(stack.home, `${id}.json`);
  writeFileSync(file, JSON.stringify(spec));
  expect(await ferry(site, 'start', file, '--id', id)).toMatchObject({ code: 0, err: '' });
}
const atGate = (id: string): Promise<RunState> => until(handle(id), (s) => s.gates['approve'] !== undefined);
const approve = (site: 'k1' | 'k2', id: string): Promise<Called> => ferry(site, 'approve', id, '--as', 'demo-manager', '--reason', REASON, '--yes');

/** Every history on the server, of runs and of sweeps, as the server has it. */
async function histories(): Promise<{ id: string; json: string }[]> {
  const found: { id: string; json: string }[] = [];
  const { executions } = await plain.workflowService.listWorkflowExecutions({ namespace: 'default', pageSize: 1000 });
  for (const { execution } of executions ?? []) found.push({ id: execution?.workflowId ?? '', json: historyToJSON(await plain.workflow.getHandle(execution?.workflowId ?? '', execution?.runId ?? '').fetchHistory()) });
  return found;
}

/** Encodings of payloads in a history, by where they stand: `3.input.payloads.0`. */
function encodingsIn(value: unknown, path: string): { path: string; encoding: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('metadata' in value && typeof value.metadata === 'object' && value.metadata !== null && 'encoding' in value.metadata) return [{ path, encoding: Buffer.from(String(value.metadata.encoding), 'base64').toString() }];
  return Object.entries(value).flatMap(([key, inner]) => encodingsIn(inner, `${path}.${key}`));
}

/** As it is, in hex, and in base64 at any of its three alignments. */
function formsOf(text: string): string[] {
  const base64 = [0, 1, 2].map((shift) => Buffer.from(`${' '.repeat(shift)}${text}`).toString('base64').slice(shift === 0 ? 0 : 4, -4));
  return [text, Buffer.from(text).toString('hex'), ...base64];
}
const holds = (content: string | Buffer, text: string): boolean => formsOf(text).some((form) => content.includes(form));

function filesWith(text: string, folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const path = join(folder, name);
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true && holds(readFileSync(path), text);
  });
}

describe('a site that begins to encrypt', () => {
  it('goes on with the runs of before, and takes a signal in plain text', async () => {
    await useWorker(TEST_SITE);
    await start('none', 'before', { ...specOf('1'), params: { note: IN_THE_CLEAR } });
    await atGate('before');
    await useWorker(siteWith('k1'));
    await plain.workflow.getHandle('before').signal('approve', { approver: 'demo-manager', reason: 'from the Temporal UI' });
    expect(await ferry('k1', 'watch', 'before')).toMatchObject({ code: 0 });
    expect(answerOf(await ferry('k1', 'status', 'before'))).toMatchObject({ state: 'completed', release: { ref: expect.stringContaining(':1@sha256:') } });
  });
});

describe('with encryption on', () => {
  it('a release is started, watched, approved, published, reported and resumed through the key', async () => {
    await start('k1', 'secret', specOf('2'));
    await atGate('secret');
    expect(answerOf(await ferry('k1', 'status', 'secret'))).toMatchObject({ source: 'query', state: 'waiting', waitingOn: [{ gate: 'approve' }] });
    expect(answerOf(await approve('k1', 'secret'))).toMatchObject({ accepted: true });
    expect(await ferry('k1', 'watch', 'secret')).toMatchObject({ code: 0 });
    expect(answerOf(await ferry('k1', 'report', 'secret', '--out', join(stack.home, 'secret.html')))).toMatchObject({ problems: [] });
    expect(await ferry('k1', 'release', 'verify', 'tiny:2')).toMatchObject({ code: 0 });
    expect(JSON.parse((await ferry('k1', 'list')).out)).toEqual(expect.arrayContaining([expect.objectContaining({ run: 'secret', runUid: expect.stringMatching(/.+/), state: 'completed' })]));
    expect(answerOf(await ferry('k1', 'resume', 'secret', '--from', 'approve', '--id', 'resumed'))).toMatchObject({ offered: ['train', 'convert'] });
    expect((await atGate('resumed')).stages['train']?.reason).toContain('reused from secret');
    expect(await ferry('k1', 'reject', 'resumed', '--as', 'demo-manager', '--reason', REJECTION, '--yes')).toMatchObject({ code: 0 });
    expect(answerOf(await ferry('k1', 'status', 'resumed'))).toMatchObject({ state: 'rejected', failure: { message: expect.stringContaining(REJECTION) } });
  });

  it('a job\'s last line, its heartbeats and the jobs of a sweep are read through the key', async () => {
    await start('k1', 'broken', specOf('3', `echo '${LINE}' >&2; exit 78`));
    await until(handle('broken'), (s) => s.gates['repair.train'] !== undefined);
    expect(answerOf(await ferry('k1', 'status', 'broken'))).toMatchObject({ failure: { rootLine: LINE } });
    expect(await ferry('k1', 'gc', '--dry-run')).toMatchObject({ code: 0, out: '[]\n' });
    expect(await ferry('k1', 'logs', 'broken', '--stage', 'train')).toMatchObject({ code: 0, out: expect.stringContaining(LINE) });
    expect(await ferry('k1', 'retry', 'broken', '--stop', '--as', 'demo-manager', '--reason', REASON, '--yes')).toMatchObject({ code: 0 });
  });

  it('nothing of it stands in any history, the server\'s database or a worker\'s log, and every payload is encrypted', async () => {
    const all = await histories();
    for (const text of PLANTED) for (const { id, json } of all) expect(holds(json, text), `${id}: ${text}`).toBe(false);
    for (const text of PLANTED) expect(filesWith(text, stack.server.home), text).toEqual([]);
    for (const text of PLANTED) expect(holds(logs + worker.log(), text), text).toBe(false);
    expect(worker.log()).toContain('told by: ferry status resumed');
    // The same look finds what was sent in plain text.
    expect(all.filter(({ json }) => holds(json, IN_THE_CLEAR)).map(({ id }) => id)).toEqual(['before']);
    expect(filesWith(IN_THE_CLEAR, stack.server.home)).not.toEqual([]);

    const encrypted = all.filter(({ id }) => id !== 'before' && !id.startsWith('ferry-sweep.local'));
    expect(encrypted.map(({ id }) => id)).toEqual(expect.arrayContaining(['secret', 'resumed', 'broken']));
    for (const { id, json } of encrypted) {
      const payloads = encodingsIn(JSON.parse(json), id);
      expect(payloads.length).toBeGreaterThan(5);
      // Search attributes must be read by the server; a marker's `data` is the SDK's own: numbers and the activity's type.
      expect(payloads.filter(({ path, encoding }) => encoding !== 'binary/encrypted' && !/searchAttributes|markerRecordedEventAttributes\.details\.data/.test(path))).toEqual([]);
    }
    expect(encrypted.find(({ id }) => id === 'resumed')?.json).toContain('Encoded failure');
  });

  it('nothing of a parameter stands in an artifact, a release or a log of ours; a decision does stand in its release', () => {
    for (const folder of ['store', 'releases']) expect(filesWith(PARAM, join(stack.home, folder)), folder).toEqual([]);
    // The site's own record of who decided what is not in the server, and not encrypted.
    expect(filesWith(REASON, join(stack.home, 'releases'))).not.toEqual([]);
    expect(filesWith(REASON, stack.home).filter((name) => !/^(?:releases|store)\/|^secret\.html$/.test(name))).toEqual([]);
  });

  it.each([
    ['no key', 'none', 'payloads_encrypted', 'Give the site file that holds the key with --site FILE'],
    ['another key', 'lost', 'payload_key_unknown', 'a former key stands under payloads.encryption.previous'],
  ] as const)('a command with %s says so with exit 2, and names the key by its id', async (_, site, code, hint) => {
    const id = ringOf(K1).current.id;
    for (const args of [['status', 'secret'], ['watch', 'secret'], ['list'], ['report', 'secret'], ['logs', 'secret'], ['jobs', 'list', 'secret'], ['cancel', 'secret'], ['approve', 'secret', '--reason', 'x', '--yes'], ['resume', 'secret', '--from', 'approve']]) {
      const called = await ferry(site, ...args);
      expect(called.code, args.join(' ')).toBe(2);
      expect(answerOf(called), args.join(' ')).toMatchObject({ error: { code, message: expect.stringContaining(id), hint: expect.stringContaining(hint) } });
      for (const key of Object.values(ENV)) expect(called.out + called.err).not.toContain(key);
    }
    expect(answerOf(await ferry(site, 'status', 'sekret'))).toMatchObject({ error: { code: 'run_unknown' } });
  });

  it('a message that is encrypted with a key nobody has, or damaged, is refused; the run goes on and is published', async () => {
    await start('k1', 'hostile', specOf('4'));
    await atGate('hostile');
    const sealed = async (key: Buffer, change: (data: Uint8Array) => Uint8Array = (data) => data): Promise<Payload> => {
      const [payload] = await payloadCodec({ keys: async () => ringOf(key), unreadable: 'throw' }).encode([{ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('{"approver":"demo-manager"}') }]);
      return { metadata: payload?.metadata, data: change(payload?.data ?? new Uint8Array()) };
    };
    const cut = (data: Uint8Array): Uint8Array => data.slice(0, -1);
    for (const payload of [await sealed(LOST), await sealed(K1, cut), { metadata: { encoding: Buffer.from('binary/encrypted') } }])
      await plain.workflowService.signalWorkflowExecution({ namespace: 'default', workflowExecution: { workflowId: 'hostile' }, signalName: 'approve', input: { payloads: [payload] } });
    const state = await until(handle('hostile'), (s) => s.decisions.length === 3);
    expect(state.decisions.map(({ code }) => code)).toEqual(['malformed', 'malformed', 'malformed']);
    expect(answerOf(await approve('k1', 'hostile'))).toMatchObject({ accepted: true });
    expect(await ferry('k1', 'watch', 'hostile')).toMatchObject({ code: 0 });
  });

  it('a worker without the key fails no run: its tasks wait for a worker that has it', async () => {
    await useWorker(TEST_SITE);
    await start('k1', 'waits', specOf('5'));
    const failed = async (): Promise<boolean> => historyToJSON(await handle('waits').fetchHistory()).includes('EVENT_TYPE_WORKFLOW_TASK_FAILED');
    await expect.poll(failed, { timeout: 30_000, interval: 200 }).toBe(true);
    expect(worker.log()).toContain(`the key ${ringOf(K1).current.id} is not in its site file`);
    await useWorker(siteWith('k1'));
    await atGate('waits');
  });

  it('after the key was changed, runs of before are read, go on, and are published from what both keys wrote', async () => {
    await useWorker(siteWith('k2', 'k1'));
    expect(answerOf(await ferry('k2', 'status', 'secret'))).toMatchObject({ state: 'completed', model: 'tiny' });
    expect(answerOf(await approve('k2', 'waits'))).toMatchObject({ accepted: true });
    expect(await ferry('k2', 'watch', 'waits')).toMatchObject({ code: 0 });
    expect(answerOf(await ferry('k1', 'status', 'waits'))).toMatchObject({ error: { code: 'payload_key_unknown', message: expect.stringContaining(ringOf(K2).current.id) } });
  });

  it('a worker whose keys are all gone keeps its schedule of sweeps', async () => {
    await useWorker(siteWith('lost'));
    expect(worker.log()).not.toContain('PayloadError');
    expect(await ferry('lost', 'gc', '--dry-run')).toMatchObject({ code: 0 });
  });
});
