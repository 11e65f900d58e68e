import { randomBytes } from 'node:crypto';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCodecServer, type CodecServer } from '../../src/cli/codec-server/codec-server.js';
import { startRun } from '../../src/client/start.js';
import { freePort } from '../../src/engines/jobs/free-port.js';
import { payloadCodec } from '../../src/temporal-codec.js';
import { findChromium, openBrowser, textOf } from '../support/chromium.mjs';
import { ringOf } from '../support/payload-keys.js';
import { TEST_SITE, makes, shellJob, startStack, until, type Stack, type WorkerProcess } from '../support/stack.js';

const KEY = randomBytes(32);
const keys = async (): Promise<ReturnType<typeof ringOf>> => ringOf(KEY);
const IN_SPEC = 'planted-in-the-spec';
const WAITS = 'approve waits for release-manager: ferry approve sealed --gate approve --as demo-manager --reason REASON';
const QUESTION = 'Release tiny 1?';

const chromium = findChromium();

describe.skipIf(chromium === undefined)('the Temporal UI of a run whose payloads are encrypted (in Chromium, which must be on PATH)', () => {
  let stack: Stack;
  let worker: WorkerProcess;
  let codecServer: CodecServer | undefined;
  let port: number;
  let page: Page;
  let close: () => Promise<void> = async () => {};

  beforeAll(async () => {
    port = await freePort();
    stack = await startStack({ ui: true, extraArgs: ['--ui-codec-endpoint', `http://127.0.0.1:${port}`], codec: payloadCodec({ keys, unreadable: 'throw' }) });
    worker = await stack.startWorker({ site: { ...TEST_SITE, secrets: { key: { env: 'KEY' } }, payloads: { encryption: { key: { secret: 'key' } } } }, env: { KEY: KEY.toString('base64') } });
    const browser = await openBrowser(chromium ?? '');
    close = browser.close;
    page = await browser.context.newPage();
    await startRun({
      client: stack.client,
      id: 'sealed',
      requestedBy: 'alice',
      spec: { schema: 'modelferry.run/1', model: 'tiny', version: '1', params: { note: IN_SPEC }, stages: { train: { attempts: [shellJob(makes('checkpoint'))] }, convert: { job: shellJob(makes('model')) }, approve: {} } },
    });
    await until(stack.client.workflow.getHandle('sealed'), (s) => s.gates['approve'] !== undefined);
  }, 180_000);

  afterAll(async () => {
    await close();
    await codecServer?.close();
    await worker?.drain();
    await stack?.stop();
  });

  const open = async (tab?: string): Promise<void> => {
    await page.goto(`${stack.server.ui}/namespaces/default/workflows/sealed`);
    await page.getByRole('heading', { name: 'sealed' }).waitFor();
    if (tab !== undefined) await page.getByRole('tab', { name: tab }).or(page.getByRole('link', { name: tab })).first().click();
  };
  const shows = (text: string): Promise<void> => expect.poll(() => textOf(page), { timeout: 30_000, interval: 200, message: `the page shows ${text}` }).toContain(text);

  it('shows without a codec server who is waited for, by the search attributes, and nothing that was encrypted', async () => {
    await open('Search Attributes');
    await shows('approval approve: release-manager');
    for (const tab of [undefined, 'User Metadata']) {
      await open(tab);
      // The page has asked, and has nothing else to show.
      await shows('Codec Server could not connect');
      const text = await textOf(page);
      for (const hidden of [IN_SPEC, WAITS, QUESTION]) expect(text).not.toContain(hidden);
    }
  });

  it('shows with one the spec, the question and the command to type', async () => {
    codecServer = await startCodecServer({ codec: payloadCodec({ keys, unreadable: 'pass' }), port, origins: [new URL(stack.server.ui ?? '').origin] });
    await open();
    await shows(WAITS);
    await open('User Metadata');
    await shows(QUESTION);
    await shows(IN_SPEC);
  });
});
