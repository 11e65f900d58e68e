// A project with a pipeline and activities of its own, beside `ferry dev` as a person has it.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunStatusView } from '../../src/domain/status.js';
import { ROOT } from '../support/sources.js';
import { Ferry } from './ferry.js';

const PIPELINES = `
import { codeStage, definePipeline, failure, proxyActivities } from 'modelferry/workflow';
const { countLetters } = proxyActivities({ startToCloseTimeout: '10 seconds', retry: { maximumAttempts: 2, initialInterval: '100 ms' } });
const count = codeStage({ run: async ({ ctx }) => ({ figures: await ctx.wait('count', () => countLetters({ text: ctx.state.model })) }) });
export const counting = definePipeline({ name: 'counting', stages: { count }, run: async (stages) => { await stages.count(); } });
const judge = codeStage({ run: async () => { throw failure('bad_data', 'the figures make no sense; mend them'); } });
export const judging = definePipeline({ name: 'judging', stages: { judge }, run: async (stages) => { await stages.judge(); } });
export const broken = definePipeline({ name: 'broken', stages: { count }, run: async () => { throw new TypeError('a bug of mine'); } });
`;
const ACTIVITIES = `
import { failure } from 'modelferry/activities';
import { hostname } from 'node:os';
export function createActivities() {
  return {
    async countLetters({ text }) {
      if (text === 'nothing') throw failure('bad_data', 'there is nothing to count');
      return { letters: text.length, known: hostname() === '' ? 0 : 1 };
    },
  };
}
`;

let home: string;
let ferry: Ferry;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'ferry-own-'));
  await mkdir(join(home, 'node_modules'));
  await symlink(ROOT, join(home, 'node_modules/modelferry'));
  await writeManifest('activities.js');
  await writeFile(join(home, 'pipelines.js'), PIPELINES);
  await writeFile(join(home, 'activities.js'), ACTIVITIES);
  ferry = await Ferry.at(home);
  await ferry.dev();
}, 180_000);
afterAll(async () => {
  await ferry?.close();
  await rm(home, { recursive: true, force: true });
});

interface Refused {
  error: { code: string; problems: unknown[] };
}

const writeManifest = (activities: string): Promise<void> => writeFile(join(home, 'package.json'), JSON.stringify({ type: 'module', modelferry: { pipelines: 'pipelines.js', activities } }));

async function specOf(model: string, pipeline = 'counting'): Promise<string> {
  const file = join(home, `${model}.yaml`);
  await writeFile(file, `schema: modelferry.run/1\npipeline: ${pipeline}\nmodel: ${model}\nversion: "1"\n`);
  return file;
}

describe('a stage of code calls activities that the project brings', () => {
  it('and the run has what they returned', async () => {
    const { code, json } = await ferry.call<{ run: string; state: string }>('start', await specOf('seven77'), '--wait');
    expect([code, json.state]).toEqual([0, 'completed']);
    const { stages } = await ferry.status(json.run);
    expect(stages.map(({ name, state, figures }) => [name, state, figures])).toEqual([['count', 'done', { letters: 7, known: 1 }]]);
  });

  it('and what one of them refuses opens the repair gate, in its own words', async () => {
    const { code, json } = await ferry.call<{ waitingOn: RunStatusView['waitingOn'] }>('start', await specOf('nothing'), '--id', 'refused', '--wait');
    expect(code).toBe(3);
    expect(json.waitingOn.map(({ gate }) => gate)).toEqual(['repair.count']);
    expect((await ferry.status('refused')).failure).toMatchObject({ kind: 'bad_data', message: 'there is nothing to count' });
    await ferry.call('cancel', 'refused');
  });

  it.each([
    ['has no createActivities', 'export const activities = {};', /a function that returns activities by name/],
    ['does not load', "import './none.js';", /a module that loads/],
    ['gives a built-in name to one of its own', 'export const createActivities = () => ({ publishRelease: async () => undefined });', /publishRelease is built in/],
  ])('and a worker whose module %s does not start, and says why', async (what, text, found) => {
    const file = `${what.replaceAll(' ', '-')}.js`;
    await writeFile(join(home, file), text);
    await writeManifest(file);
    const { code, json } = await ferry.call<Refused>('worker', '--site', 'built-in-site.json');
    await writeManifest('activities.js');
    expect([code, json.error.code]).toEqual([2, 'activities_invalid']);
    expect(JSON.stringify(json.error.problems)).toMatch(found);
  });
});

it('a worker whose pipelines need Node.js does not start, and names the module', async () => {
  await writeFile(join(home, 'reads.js'), `import { readFileSync } from 'node:fs';\nexport const used = readFileSync;\n${PIPELINES}`);
  const { code, json } = await ferry.call<Refused>('worker', '--pipelines', 'reads.js', '--site', 'built-in-site.json');
  expect([code, json.error.code]).toEqual([2, 'pipelines_invalid']);
  expect(JSON.stringify(json.error.problems)).toMatch(/sandbox/);
});

it('a failure of a known kind that a stage of code throws itself opens its repair gate', async () => {
  await ferry.call('start', await specOf('odd', 'judging'), '--id', 'odd');
  const { failure, waitingOn } = await ferry.until('odd', (view) => view.state === 'waiting');
  expect(failure).toMatchObject({ kind: 'bad_data', message: 'the figures make no sense; mend them', owner: 'requester' });
  expect(waitingOn.map(({ gate }) => gate)).toEqual(['repair.judge']);
  await ferry.call('cancel', 'odd');
});

it('a run whose pipeline has a bug waits for mended code, and its status says what the code threw', async () => {
  await ferry.call('start', await specOf('bug', 'broken'), '--id', 'bug');
  const { notes, state } = await ferry.until('bug', (view) => view.notes.length > 0);
  expect(state).toBe('running');
  expect(notes[0]?.text).toMatch(/its workflow task .*: .*a bug of mine/);
});
