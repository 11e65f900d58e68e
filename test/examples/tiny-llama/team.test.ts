import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { startTeam, type Team } from '../../../examples/tiny-llama/src/train/team.js';

/** A helper's program; `control` is what it shares with the team, by the places that team.ts gives things. */
function helper(body: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'tiny-llama-team-')), 'helper.mjs');
  writeFileSync(file, `import { parentPort, workerData } from 'node:worker_threads';\nconst { control } = workerData;\nconst [ROUND, DONE] = [0, 4];\n${body}\n`);
  return pathToFileURL(file).href;
}

describe('a team of threads', () => {
  let team: Team | undefined;
  afterEach(() => team?.close());

  it.each([
    ['fails in a task', "Atomics.wait(control, ROUND, 0); throw new Error('no such kernel');", 'a training thread failed: no such kernel'],
    ['ends in a task', 'Atomics.wait(control, ROUND, 0); process.exit(3);', 'a training thread ended by itself, with 3'],
  ])('learns at once of a helper that %s', async (_, body, message) => {
    team = startTeam(2, helper(body), {}, () => {});
    await expect(team.run(0, 4)).rejects.toThrow(message);
    // And does not begin another round with one thread fewer.
    await expect(team.run(0, 4)).rejects.toThrow(message);
  }, 10_000);

  it('waits for a helper that is slow', async () => {
    const slow = helper('Atomics.wait(control, ROUND, 0); Atomics.wait(control, ROUND, 1, 700); Atomics.add(control, DONE, 1); parentPort.postMessage(0);');
    team = startTeam(2, slow, {}, () => {});
    const began = performance.now();
    await team.run(0, 4);
    expect(performance.now() - began).toBeGreaterThan(600);
  }, 10_000);
});
