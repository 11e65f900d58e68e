import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InvalidDocument } from '../../../src/engines/config/invalid-document.js';
import { loadPipelines, pipelinesFileIn } from '../../../src/engines/config/load-pipelines.js';

const dir = mkdtempSync(join(tmpdir(), 'ferry-pipelines-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A pipeline as `definePipeline` makes it, without the package: a workflow function with its description. */
const pipeline = (name: string, change = ''): string =>
  `Object.assign(async () => {}, { pipeline: { schema: 'modelferry.pipeline/1', name: '${name}', inputs: {}, stages: { tune: { title: 'Tune', section: 'job', consumes: {}, produces: {} } }${change} } })`;

let count = 0;
/** A new file each time: a module is loaded once. */
function moduleOf(text: string, extension = 'mjs'): string {
  const file = join(dir, `m${count++}.${extension}`);
  writeFileSync(file, text);
  return file;
}

async function problemOf(file: string): Promise<{ path: string; found: string; expected: string; suggestion?: string } | undefined> {
  const error = await loadPipelines(file).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(InvalidDocument);
  return (error as InvalidDocument).problems[0];
}

describe('a pipelines module', () => {
  it('gives the pipelines that it exports, by name, and may export other things beside them', async () => {
    const file = moduleOf(`export const a = ${pipeline('a')};\nexport const b = ${pipeline('b')};\nexport const helper = () => 1;\nexport default 3;\n`);
    const loaded = await loadPipelines(file);
    expect(loaded.file).toBe(file);
    expect(Object.entries(loaded.pipelines).map(([name, { name: own }]) => [name, own])).toEqual([['a', 'a'], ['b', 'b']]);
  });

  it.each<[string, string, object]>([
    ['exports nothing', 'export {};\n', { found: 'the exports (none)', suggestion: expect.stringContaining('definePipeline(') }],
    ['exports no pipeline', 'export const helper = () => 1;\nexport default 3;\n', { found: expect.stringMatching(/^the exports (?:default, helper|helper, default)$/) }],
    ['exports a pipeline under another name', `export const b = ${pipeline('a')};\n`, { path: 'b', found: 'the pipeline a', expected: 'the name b, under which it is exported' }],
    ['exports what a later version makes', `export const a = ${pipeline('a', ', more: 1')};\n`, { path: 'a', suggestion: 'are two versions of it installed?' }],
    ['takes the name of a built-in pipeline', `export const releaseModel = ${pipeline('releaseModel')};\n`, { path: 'releaseModel', expected: 'another name', suggestion: 'releaseModel is built in' }],
    ['throws', "throw new Error('no corpus here');\n", { found: 'Error: no corpus here', expected: 'a module that loads' }],
    ['imports what is not there', "import './gone.mjs';\n", { found: expect.stringContaining('gone.mjs') }],
  ])('is refused in one line when it %s', async (_what, text, problem) => {
    const found = await problemOf(moduleOf(text));
    expect(found).toMatchObject(problem);
    expect(found?.found).not.toContain('\n');
  });
});

describe('the module that a project names', () => {
  const project = (text: string): string => {
    const folder = join(dir, `project-${count++}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), text);
    return folder;
  };

  it('stands in its package.json, relative to it', async () => {
    const folder = project('{"modelferry":{"pipelines":"dist/p.js"}}');
    expect(await pipelinesFileIn(folder)).toBe(join(folder, 'dist/p.js'));
  });

  it('is none where the package.json names none, or there is no package.json', async () => {
    expect(await pipelinesFileIn(project('{"modelferry":{}}'))).toBeUndefined();
    expect(await pipelinesFileIn(project('null'))).toBeUndefined();
    expect(await pipelinesFileIn(join(dir, 'nowhere'))).toBeUndefined();
  });
});
