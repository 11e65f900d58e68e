import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { readExit } from '../../../src/engines/jobs/job-dir.js';
import { recordExit } from '../../../src/engines/jobs/wrap-up.js';

const EXIT = { exitCode: 0, signal: null, startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T00:00:01.000Z', outputs: {} };

describe('the exit record of a job', () => {
  it('is given up at once where the job’s directory was removed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ferry-exit-'));
    await recordExit(dir, EXIT);
    expect(readExit(dir)).toEqual(EXIT);
    rmSync(dir, { recursive: true });
    const tried = recordExit(dir, EXIT).then(() => 'written', (error: NodeJS.ErrnoException) => error.code);
    expect(await Promise.race([tried, sleep(500, 'still trying')])).toBe('ENOENT');
  });
});
