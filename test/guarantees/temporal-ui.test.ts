import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRun } from '../../src/client/start.js';
import type { DecisionAnswer } from '../../src/domain/gate.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { findChromium, openBrowser, textOf } from '../support/chromium.mjs';
import { makes, shellJob, startStack, until, type Stack, type WorkerProcess } from '../support/stack.js';

/** Markup as a log, an approver or a spec may hold it: it must come out as these very characters. */
const MARKUP = '<img src=x onerror=alert(1)> [x](javascript:alert(1)) **bold** &lt;b&gt;';

/** As long as an id may be: the command that holds it must still be shown whole. */
const LONG_ID = `approval-${'x'.repeat(91)}`;

const base = { schema: 'modelferry.run/1', model: 'tiny', version: '1', params: { note: `${MARKUP} \`\`\`` } } as const;
const SIMULATED_TRAINING = shellJob(makes('checkpoint'), { backend: 'nvidia', simulated: true });

/** The waits at which people look at a run, and what its pages must tell there. */
const WAITS: { id: string; what: string; spec: RunSpecInput; page: string[]; row: string[] }[] = [
  {
    id: 'training',
    what: 'a running job',
    spec: { ...base, stages: { train: { attempts: [shellJob('echo \'{"step":3,"total":9}\' >> "$FERRY_PROGRESS_FILE"; exec sleep 600', { backend: 'ascend', simulated: true })] } } },
    page: ['Run train on ascend (simulated), attempt 1'],
    row: ['train', 'ascend (simulated)'],
  },
  {
    id: 'broken',
    what: 'the repair gate',
    spec: { ...base, stages: { train: { attempts: [SIMULATED_TRAINING] }, convert: { job: shellJob(`echo '${MARKUP}' >&2; exit 78`, { backend: 'nvidia', simulated: true }) } } },
    page: ['convert on nvidia (simulated) waits for operator: ferry retry broken --gate repair.convert --reason REASON'],
    row: ['convert', 'nvidia (simulated)', 'repair repair.convert: operator'],
  },
  {
    id: LONG_ID,
    what: 'the approval gate',
    spec: {
      ...base,
      stages: { train: { attempts: [SIMULATED_TRAINING] }, convert: { job: shellJob(makes('model')) }, validateOnAscend: { job: shellJob(makes('validation'), { backend: 'ascend', simulated: true }) }, approve: {}, publish: {} },
    },
    page: [`approve waits for release-manager: ferry approve ${LONG_ID} --gate approve --as demo-manager --reason REASON`, 'Run validateOnAscend on ascend (simulated), attempt 1'],
    row: ['approve', 'ascend (simulated)', 'approval approve: release-manager'],
  },
];

const AT = WAITS.map((wait) => [wait.what, wait] as const);

const chromium = findChromium();

describe.skipIf(chromium === undefined)('the Temporal UI (in Chromium, which must be on PATH)', () => {
  let stack: Stack;
  let worker: WorkerProcess;
  let wrapper: number | undefined;
  let page: Page;
  let close: () => Promise<void> = async () => {};
  const dialogs: string[] = [];

  beforeAll(async () => {
    stack = await startStack({ ui: true });
    worker = await stack.startWorker();
    const browser = await openBrowser(chromium ?? '');
    close = browser.close;
    page = await browser.context.newPage();
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    for (const { id, spec } of WAITS) await startRun({ client: stack.client, id, spec, requestedBy: 'alice' });
    const run = (id: string): ReturnType<typeof stack.client.workflow.getHandle> => stack.client.workflow.getHandle(id);
    wrapper = (await until(run('training'), (s) => s.jobs[0]?.handle !== undefined)).jobs[0]?.handle?.pid;
    await until(run('broken'), (s) => s.gates['repair.convert'] !== undefined);
    await until(run(LONG_ID), (s) => s.gates['approve'] !== undefined);
    // A rejection with a reason that is markup: the run comes to the gate again and tells why.
    const answer = await run(LONG_ID).executeUpdate<DecisionAnswer, [unknown]>('decide', { args: [{ gate: 'approve', verdict: 'reject', to: 'convert', approver: 'demo-manager', reason: MARKUP }] });
    expect(answer).toMatchObject({ accepted: true });
    await until(run(LONG_ID), (s) => s.gates['approve']?.opening === 2);
  }, 180_000);

  afterAll(async () => {
    await close();
    // It leads the job's process group. Without its worker nobody else ends it.
    if (wrapper !== undefined) process.kill(-wrapper, 'SIGKILL');
    await stack?.stop();
  });

  const list = (query = ''): string => `${stack.server.ui}/namespaces/default/workflows${query === '' ? '' : `?query=${encodeURIComponent(query)}`}`;

  /** The run's page, as a link to it opens: the timeline. */
  const openRun = async (id: string): Promise<void> => {
    await page.goto(`${list()}/${id}`);
    await page.getByRole('heading', { name: id }).waitFor();
  };

  const shows = async (texts: readonly string[]): Promise<void> => {
    for (const text of texts) await expect.poll(() => textOf(page), { timeout: 30_000, interval: 200, message: `the page ${page.url()} shows ${text}` }).toContain(text);
  };

  const openTab = async (name: string): Promise<void> => {
    await page.getByRole('tab', { name }).or(page.getByRole('link', { name })).first().click();
  };

  /** The list's columns are each browser's own affair; this is how a person adds them. */
  const addColumns = async (names: readonly string[]): Promise<void> => {
    await page.getByRole('button', { name: 'Configure Columns' }).click();
    for (const name of names) await page.getByRole('button', { name: `Add ${name} column` }).click();
    await page.getByRole('button', { name: /^Close .* configuration$/ }).click();
  };

  const rowShows = async (id: string, texts: readonly string[]): Promise<void> => {
    const row = page.getByRole('row').filter({ hasText: id });
    for (const text of texts) await expect.poll(() => row.innerText(), { timeout: 30_000, message: `the row of ${id} shows ${text}` }).toContain(text);
  };

  const nothingRan = async (): Promise<void> => {
    for (const frame of page.frames()) expect(await frame.locator('img[src="x"], a[href^="javascript:" i]').count(), frame.url()).toBe(0);
    expect(dialogs).toEqual([]);
  };

  describe('with a worker', () => {
    it.each(AT)('tells at %s on the run\'s page the stage, the backend, who is waited for and the command to type', async (_, { id, page: texts, row }) => {
      await openRun(id);
      await shows(texts);
      await openTab('Search Attributes');
      await shows(row);
    });

    it('tells the current details: every stage with its backend, the question, and the commands whole', async () => {
      await openRun(LONG_ID);
      await openTab('User Metadata');
      await shows([
        'Waiting for release-manager',
        'Release tiny 1?',
        `ferry approve ${LONG_ID} --gate approve --as demo-manager --reason REASON`,
        `temporal workflow signal --workflow-id ${LONG_ID} --name approve --input '{"gate":"approve","approver":"demo-manager","reason":"REASON"}'`,
        'validateOnAscend: done, ascend (simulated)',
        'identity: asserted, not verified',
      ]);
    });

    it('tells the progress of a running job in its heartbeat', async () => {
      await openRun('training');
      await openTab('Pending Activities');
      await shows(['"step": 3', '"total": 9']);
    });

    it.each([
      ['a log line', 'broken', `the job exited with code 78: ${MARKUP}`],
      ['an approver\'s reason', LONG_ID, `sent back to convert by demo-manager: ${MARKUP}`],
    ])('shows %s that is Markdown and HTML as the text that it is', async (_, id, text) => {
      await openRun(id);
      await openTab('User Metadata');
      await shows([text, 'ferry status']);
      await nothingRan();
    });

    it('tells in the list, once its columns are added, the stage, the backend and who is waited for', async () => {
      await page.goto(list());
      await addColumns(['FerryStage', 'FerryBackend', 'FerryWaitingOn']);
      for (const { id, row } of WAITS) await rowShows(id, row);
    });
  });

  describe('without a worker', () => {
    beforeAll(async () => await worker.kill9());

    it.each(AT)('still tells at %s the stage, the backend, who is waited for and the command to type', async (_, { id, page: texts, row }) => {
      await openRun(id);
      await shows(texts);
      await openTab('Search Attributes');
      await shows(row);
    });

    it('still tells it in the list, in the columns that were added before', async () => {
      await page.goto(list());
      for (const { id, row } of WAITS) await rowShows(id, row);
    });

    it('still filters the list by who is waited for', async () => {
      await page.goto(list('FerryWaitingOn = "approval approve: release-manager"'));
      await rowShows(LONG_ID, ['approval approve: release-manager']);
      expect(await page.getByRole('row').filter({ hasText: 'broken' }).count()).toBe(0);
    });

    it('still says in the static details where to look', async () => {
      await openRun('broken');
      await openTab('User Metadata');
      await shows(['Where it stands and who is waited for: ferry status broken']);
      await nothingRan();
    });
  });
});
