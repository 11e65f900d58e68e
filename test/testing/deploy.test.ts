import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Rehearsal } from '../../src/testing/index.js';
import { DAY_MS, rehearse } from './kit.js';

const version = (n: number): string => fileURLToPath(new URL(`./fixtures/sign-off.v${n}.mjs`, import.meta.url));
const SPEC = { schema: 'modelferry.run/1', pipeline: 'signOff', model: 'tiny', version: '1' } as const;
/** Answered after a month, counted from when the gate opened. */
const SIGNED = { gates: { sign: [{ after: '30 days', verdict: 'yes', approver: 'olga', reason: 'seen' }] } };

let env: Rehearsal;
beforeAll(async () => {
  env = await rehearse({ pipelines: version(1) });
}, 300_000);
afterAll(() => env?.close());

describe('a run that is parked at a gate for a month', () => {
  it('goes on under a deploy in the middle of it that changes the gate\'s code under patched()', async () => {
    const run = await env.start(SPEC, { id: 'parked', script: SIGNED });
    await env.sleep('15 days');
    expect((await run.state()).gates['sign']?.outcome).toBeUndefined();
    await env.deploy({ pipelines: version(2) });
    const outcome = await run.finished();
    expect(outcome.state).toMatchObject({ status: 'completed', stages: { sign: { state: 'done', figures: { answer: 'yes' } } } });
    expect(outcome.tookMs / DAY_MS).toBeGreaterThan(30);
    expect(outcome.tookMs / DAY_MS).toBeLessThan(30.01);
  });

  it('while a run that begins under the new code asks in the new way', async () => {
    const run = await env.start(SPEC, { id: 'later', script: SIGNED });
    const outcome = await run.finished();
    // The hour before it asked is there now.
    expect(outcome.tookMs / DAY_MS).toBeGreaterThan(30 + 1 / 25);
  });

  it('while a run whose start was refused keeps no deploy', async () => {
    await expect(env.start({ ...SPEC, pipeline: 'noSuchPipeline' }, { id: 'refused' })).rejects.toThrow(/noSuchPipeline/);
    await env.deploy({ pipelines: version(2) });
  });

  it('is told at once when the new code does something else without patched()', async () => {
    await env.deploy({ pipelines: version(1) });
    const run = await env.start(SPEC, { id: 'broken', script: SIGNED });
    await env.sleep('15 days');
    await env.deploy({ pipelines: version(3) });
    await expect(run.finished()).rejects.toMatchObject({ code: 'workflow_broken', message: expect.stringContaining('Nondeterminism') });
  });
});
