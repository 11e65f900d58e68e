// Runs the programs that docs/job-contract.md shows, as jobs under their wrapper.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExecutor } from '../../src/activities/jobs/executors/registry.js';
import type { Executor } from '../../src/activities/jobs/executors/executor.js';
import type { ArtifactRef } from '../../src/domain/artifact.js';
import type { JobRequest } from '../../src/domain/job.js';
import { LocalStore } from '../../src/engines/artifacts/local-store.js';
import { parseProgressLine } from '../../src/engines/jobs/progress-reader.js';
import { buildOnce, ended, makePlace, PACKAGE_ROOT, requestFor, submit, until, type Place } from '../contract/job-kit.js';

const PAGE = readFileSync(join(PACKAGE_ROOT, 'docs/job-contract.md'), 'utf8');

/** The first block of a language that begins with this comment. */
function program(language: string, name: string): string {
  const blocks = [...PAGE.matchAll(/```(\w+)\n([\s\S]*?)```/g)];
  const text = blocks.find(([, of, body]) => of === language && body?.startsWith(`# ${name}`))?.[2];
  if (text === undefined) throw new Error(`docs/job-contract.md shows no ${name}`);
  return text;
}

beforeAll(buildOnce, 90_000);

describe.each([
  { language: 'sh', file: 'train.sh', command: ['sh', 'train.sh'] },
  { language: 'python', file: 'train.py', command: ['python3', 'train.py'] },
])('the program in $language', ({ language, file, command }) => {
  let place: Place;
  let executor: Executor;
  let store: LocalStore;
  let code: ArtifactRef;
  beforeAll(async () => {
    place = makePlace();
    executor = createExecutor('local', place);
    store = new LocalStore(place.storeRoot);
    await mkdir(join(place.root, 'code'));
    await writeFile(join(place.root, 'code', file), program(language, file));
    code = await store.add(join(place.root, 'code'), { kind: 'code' });
  });
  afterAll(() => place.remove());

  const request = (change: Partial<JobRequest>): JobRequest => requestFor('', { command, code, outputs: { checkpoint: { kind: 'checkpoint' } }, ...change });

  it('saves and leaves with 75 on SIGTERM, and the next attempt goes on from there to its end', async () => {
    const first = request({ params: { steps: 12 } });
    const handle = await submit(executor, first);
    await until('it is at step 3', async () => ((await executor.observe(handle)).progress?.step ?? 0) >= 3);
    await executor.cancel(handle, { reason: 'suspended' });
    const stopped = await executor.observe(handle);
    expect(stopped).toMatchObject({ state: 'exited', exit: { exitCode: 75, stopReason: 'suspended' }, progress: { phase: 'saving', total: 12 }, checkpoint: { attempt: 1 } });
    expect(stopped.checkpoint?.step).toBe(stopped.progress?.step);

    const second = await submit(executor, request({ ...first, key: first.key.replace(/a1$/, 'a2'), attempt: 2 }));
    const done = await ended(executor, second);
    expect(done).toMatchObject({ exit: { exitCode: 0 }, resumedFrom: { step: stopped.checkpoint?.step, attempt: 1 }, progress: { step: 12 } });
    expect((await executor.tail(second, 5)).lines).toContain(`resumed at step ${stopped.checkpoint?.step}`);
    expect(await store.verify(done.exit?.outputs['checkpoint']?.digest ?? '')).toEqual([]);
  }, 30_000);

  it('says with 78 that its configuration is wrong', async () => {
    const handle = await submit(executor, request({ params: { steps: 'many' } }));
    expect(await ended(executor, handle)).toMatchObject({ exit: { exitCode: 78 } });
    expect((await executor.tail(handle, 1)).lines).toEqual(['the parameter steps is missing or no number']);
  });
});

it('a program is tried without modelferry as the page shows', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-by-hand-'));
  try {
    await writeFile(join(folder, 'train.py'), program('python', 'train.py'));
    const { stdout } = await promisify(execFile)('bash', ['-c', program('sh', 'By hand')], { cwd: folder, env: { PATH: process.env['PATH'], TMPDIR: folder }, timeout: 20_000 });
    const [exit, ...lines] = stdout.trim().split('\n');
    expect(exit).toBe('exit 0');
    expect(lines.map((line) => parseProgressLine(line)?.step)).toEqual([1, 2, 3, 4, 5]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
