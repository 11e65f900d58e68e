import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { showLog } from '../../src/cli/commands/logs.js';
import { hostIdentity } from '../../src/engines/jobs/process-identity.js';
import { TRAINING_VIEW } from './render/kit.js';

describe('ferry logs', () => {
  it('says on stderr which stage and attempt it shows', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'ferry-logs-'));
    const logPath = join(dir, 'log');
    await writeFile(logPath, 'one\ntwo\n');
    const jobs = TRAINING_VIEW.jobs.map((job) => ({ ...job, logPath, host: hostIdentity().host }));
    let [out, err] = ['', ''];
    const context = { stdout: { write: (text: string) => (out += text) }, stderr: { write: (text: string) => (err += text) }, json: false, color: false };
    expect(await showLog(context, { ...TRAINING_VIEW, jobs }, { follow: false })).toBe(0);
    expect(out).toBe('one\ntwo\n');
    expect(err).toBe('— train, attempt 2 —\n');
    await rm(dir, { recursive: true });
  });
});
