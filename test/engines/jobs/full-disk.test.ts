import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createExecutor } from '../../../src/activities/jobs/executors/registry.js';
import { buildOnce, ended, makePlace, requestFor, submit } from '../../contract/job-kit.js';
import type { Place } from '../../contract/job-kit.js';

beforeAll(buildOnce, 90_000);

describe('a job on a full disk', () => {
  let place: Place;
  let mounted = false;
  beforeEach(() => {
    place = makePlace();
    const small = join(place.root, 'small');
    mkdirSync(small);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'modelferry-test', small], { stdio: 'ignore' });
      mounted = true;
    } catch {
      mounted = false;
    }
    place = { ...place, jobsRoot: join(small, 'jobs'), storeRoot: join(small, 'store') };
  });
  afterEach(() => {
    if (mounted) execFileSync('umount', [join(place.root, 'small')]);
    place.remove();
  });

  it('still leaves its exit record, and says that storage was full', async (context) => {
    if (!mounted) return context.skip();
    const executor = createExecutor('local', place);
    const fill = `const fs = require('node:fs'); fs.mkdirSync(process.env.FERRY_OUTPUT_DIR + '/m'); fs.writeFileSync(process.env.FERRY_OUTPUT_DIR + '/m/w', 'w'); try { for (;;) fs.appendFileSync('filler', Buffer.alloc(4096)); } catch {}`;
    const seen = await ended(executor, await submit(executor, requestFor(fill, { outputs: { m: { kind: 'checkpoint' } } })));
    expect(seen).toMatchObject({ state: 'exited', exit: { exitCode: 0, outputs: {}, problem: { kind: 'storage_full' } } });
  });

  it('does not start what could not even be prepared', async (context) => {
    if (!mounted) return context.skip();
    const executor = createExecutor('local', place);
    const request = requestFor('', { params: { big: 'x'.repeat(700_000) } });
    const seen = await ended(executor, await submit(executor, request));
    expect(seen).toMatchObject({ state: 'exited', starts: 0, exit: { exitCode: null, problem: { kind: 'storage_full' } } });
  });
});
