import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SHAPES } from '../support/shapes.js';
import { startStack, type Stack } from '../support/stack.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HISTORIES = join(ROOT, 'test/histories');
const MANIFEST = join(HISTORIES, 'manifest.json');
const BUNDLE = join(ROOT, 'dist/workflow-bundle.js');

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(join(HISTORIES, file))).digest('hex');
/** Stack traces say where the recorder's checkout was, and replay does not look at them. */
const withoutStack = (key: string, value: unknown): unknown => (key === 'stackTrace' ? '' : value);

const readManifest = (): Record<string, string> => (existsSync(MANIFEST) ? (JSON.parse(readFileSync(MANIFEST, 'utf8')) as Record<string, string>) : {});
const recorded = (): string[] => readdirSync(HISTORIES).filter((name) => name.endsWith('.json') && name !== 'manifest.json');

async function replay(file: string): Promise<void> {
  const [workflowId = ''] = file.split('.');
  await Worker.runReplayHistory({ workflowBundle: { codePath: BUNDLE } }, JSON.parse(readFileSync(join(HISTORIES, file), 'utf8')), workflowId);
}

// `npm run histories:record` adds the histories that are missing and never touches one that is there: an open run in
// the field does not change either.
describe.runIf(process.env['RECORD_HISTORIES'] === '1')('recording', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
    await stack.startWorker();
  });
  afterAll(async () => {
    await stack?.stop();
  });

  it.each(SHAPES.filter(({ name }) => !existsSync(join(HISTORIES, `${name}.1.json`))))('$name', async ({ name, spec, extra, drive }) => {
    // A version is published once, and all shapes are of one model.
    const run = await stack.startRun(name, { ...spec, version: name }, extra);
    await drive(run, stack);
    const chain: string[] = [];
    for (let runId: string | null | undefined = (await stack.client.workflow.getHandle(name).describe()).runId; runId != null && runId !== ''; ) {
      const history = await stack.client.workflow.getHandle(name, runId).fetchHistory();
      chain.unshift(historyToJSON(history));
      runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    }
    const manifest = readManifest();
    for (const [i, history] of chain.entries()) {
      const file = `${name}.${i + 1}.json`;
      writeFileSync(join(HISTORIES, file), `${JSON.stringify(JSON.parse(history, withoutStack))}\n`);
      manifest[file] = sha256(file);
    }
    writeFileSync(MANIFEST, `${JSON.stringify(Object.fromEntries(Object.entries(manifest).sort(([a], [b]) => a.localeCompare(b))), null, 2)}\n`);
  });
});

describe('recorded histories', () => {
  it('are all there, as they were recorded: none changed, none vanished, none unknown', () => {
    const manifest = readManifest();
    expect(recorded().sort()).toEqual(Object.keys(manifest).sort());
    for (const [file, digest] of Object.entries(manifest)) expect(sha256(file), file).toBe(digest);
    for (const { name } of SHAPES) expect(Object.keys(manifest), name).toContain(`${name}.1.json`);
  });

  it('were never rewritten or removed by a commit', () => {
    const isCheckout = existsSync(join(ROOT, '.git'));
    const touched = isCheckout ? execFileSync('git', ['log', '--diff-filter=MDR', '--name-only', '--format=', '--', 'test/histories/*.json', ':!test/histories/manifest.json'], { cwd: ROOT, encoding: 'utf8' }) : '';
    expect(touched.trim()).toBe('');
  });

  it.each(recorded())('%s replays with the code of today', async (file) => {
    await replay(file);
  });

  it('do not replay with code that does something else: the check can fail', async () => {
    const bundle = readFileSync(BUNDLE, 'utf8');
    const broken = bundle.replaceAll('submitJob(', 'submitAnotherJob(');
    expect(broken).not.toBe(bundle);
    const history = JSON.parse(readFileSync(join(HISTORIES, 'whole-run.1.json'), 'utf8')) as unknown;
    await expect(Worker.runReplayHistory({ workflowBundle: { code: broken } }, history, 'whole-run')).rejects.toThrow();
  });
});
