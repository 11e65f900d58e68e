import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createJobActivities } from '../../../src/activities/jobs/index.js';
import { maskOf, resolveSecrets } from '../../../src/activities/jobs/secrets.js';
import { JobOutcome } from '../../../src/domain/job.js';
import type { SecretSource } from '../../../src/domain/site.js';
import { FakeExecutor, identityOf, listingOf } from './fake-executor.js';

const TOKEN = 'hf_planted-secret';
const SECRETS: Record<string, SecretSource> = { hf: { env: 'TOKEN' } };

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'ferry-secrets-'));
});
afterEach(() => rmSync(place, { recursive: true }));

describe('a job that prints a secret', () => {
  const executor = new FakeExecutor();
  executor.jobs = [listingOf('train')];
  executor.log = ['fine', `token=${TOKEN}`, `${'x'.repeat(490)}${TOKEN.slice(0, 10)}`];
  const at = '2026-01-01T00:00:00.000Z';
  executor.seen = { state: 'exited', observation: 'ok', starts: 1, exit: { exitCode: 1, signal: null, startedAt: at, endedAt: at, problem: { kind: 'spawn_failed', message: `cannot start ${TOKEN}` }, outputs: {} } };
  const { watchJob, cancelJob } = createJobActivities({ executors: new Map([['fake', executor]]), secrets: SECRETS, env: { TOKEN }, pollIntervalMs: 10 });
  const run = <T>(work: () => Promise<T>): Promise<T> => new MockActivityEnvironment({ heartbeatTimeoutMs: 15_000 }).run(work);

  const expectHidden = (outcome: JobOutcome | undefined): void => {
    expect(JobOutcome.parse(outcome).lastLines).toEqual(['fine', 'token=[secret hf]', `${'x'.repeat(490)}[secret hf`]);
    expect(outcome?.exit?.problem?.message).toBe('cannot start [secret hf]');
    expect(JSON.stringify(outcome)).not.toContain('hf_');
  };

  it('tells it to no workflow that watches it', async () => {
    const handle = executor.jobs[0]?.handle;
    if (handle === undefined) throw new TypeError('a listing without a handle');
    expectHidden(await run(() => watchJob({ handle })));
  });

  it('tells it to no workflow that stops it', async () => {
    expectHidden((await run(() => cancelJob({ identity: identityOf('train'), executor: 'fake', reason: 'cancelled' }))).outcome);
  });
});

describe('a job that asks for a key of the site\'s payloads', () => {
  it('is refused before anything is submitted, and gets every other secret', async () => {
    const env = { HF: 'hf-value', KEY: 'the-key-itself' };
    const known = { hf: { env: 'HF' }, 'payload-key': { env: 'KEY' } };
    await expect(resolveSecrets({ K: { secret: 'payload-key' } }, known, env, ['payload-key'])).rejects.toMatchObject({ type: 'unknown_secret', message: expect.stringMatching(/^the secret payload-key is a key of this site's payloads/) });
    expect(await resolveSecrets({ T: { secret: 'hf' } }, known, env, ['payload-key'])).toEqual({ T: 'hf-value' });
  });
});

describe('the mask of a site', () => {
  it('hides the longer of two secrets that share a beginning, and every line of one from a file', async () => {
    writeFileSync(join(place, 'key'), 'first line\nsecond line\n');
    const mask = await maskOf({ short: { env: 'SHORT' }, long: { env: 'LONG' }, key: { file: join(place, 'key') } }, { SHORT: 'abcdef', LONG: 'abcdefgh' });
    expect(mask('abcdef abcdefgh second line', 500)).toBe('[secret short] [secret long] [secret key]');
  });

  it('leaves short values, unset variables and files that are not there alone', async () => {
    const mask = await maskOf({ pin: { env: 'PIN' }, none: { env: 'NONE' }, gone: { file: join(place, 'gone') } }, { PIN: '12345' });
    expect(mask('step 12345', 500)).toBe('step 12345');
  });

  it('takes a secret for text, whatever characters it has, and makes nothing longer than it may be', async () => {
    const mask = await maskOf({ odd: { env: 'ODD' } }, { ODD: '$&(.*)' });
    expect(mask('a $&(.*) b', 500)).toBe('a [secret odd] b');
    expect(mask('$&(.*)'.repeat(80), 500)).toHaveLength(500);
  });
});
