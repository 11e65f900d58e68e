import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DatasetCard } from '../../src/domain/reports/dataset-card.js';
import { runJob } from './job-world.js';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-prepare-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const card = (folder: string): DatasetCard => DatasetCard.parse(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')));

it('makes a dataset of the documentation that is installed here', async () => {
  const { code, log, progress, output } = await runJob(place, 'prepare-text', { sources: [{ from: 'npm' }], maxBytes: 300_000 });
  expect({ code, log }).toMatchObject({ code: 0 });
  const { kept, sources, splits } = card(output('dataset'));
  expect(sources.map(({ name }) => name)).toContain('@temporalio/worker');
  expect(kept.documents).toBeGreaterThan(20);
  expect(kept.bytes).toBeLessThanOrEqual(300_000);
  expect(splits['heldout']?.bytes).toBeGreaterThan(0);
  expect(progress.at(-1)).toMatchObject({ metrics: { kept: kept.documents, bytes: kept.bytes } });
  expect(readFileSync(join(output('dataset'), 'heldout.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(splits['heldout']?.documents ?? 0);
});

it('reads a folder of an input', async () => {
  const input = join(place, 'input');
  for (const name of ['a', 'b', 'c']) {
    mkdirSync(join(input, 'texts', name), { recursive: true });
    writeFileSync(join(input, 'texts', name, 'x.txt'), `A text about ${name}, long enough to be kept.\n`.repeat(10));
  }
  const { code, output } = await runJob(place, 'prepare-text', { sources: [{ from: 'input', input: 'raw', path: 'texts', extensions: ['.txt'] }] }, { variables: { FERRY_INPUT_RAW: input } });
  expect(code).toBe(0);
  expect(card(output('dataset')).sources.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
});

describe('ends with 78, which asks a person at once, for', () => {
  it.each([
    ['no sources', {}, 'sources'],
    ['an unknown kind', { sources: [{ from: 'web' }] }, 'sources.0.from'],
    ['an unknown parameter', { sources: [{ from: 'npm' }], max_bytes: 3 }, 'max_bytes'],
    ['a pattern that is no ending', { sources: [{ from: 'npm', extensions: ['**/*.md'] }] }, 'an ending such as .md'],
    ['a path out of the folder', { sources: [{ from: 'folder', path: '../..' }] }, 'has .. in it'],
    ['a link out of the input', { sources: [{ from: 'input', input: 'raw', path: 'out' }] }, 'is a link that leads outside'],
    ['an input that the stage lacks', { sources: [{ from: 'input', input: 'none' }] }, 'FERRY_INPUT_NONE'],
  ])('%s', async (_, params, why) => {
    mkdirSync(join(place, 'raw'));
    symlinkSync('/usr', join(place, 'raw/out'));
    const { code, log } = await runJob(place, 'prepare-text', params, { variables: { FERRY_INPUT_RAW: join(place, 'raw') } });
    expect(code).toBe(78);
    expect(log.join('\n')).toContain(why);
  });
});

it('ends with 75 when it is told to stop', async () => {
  expect((await runJob(place, 'prepare-text', { sources: [{ from: 'npm' }] }, { signal: AbortSignal.abort() })).code).toBe(75);
});
