import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Problem } from '../../../src/domain/problems.js';
import { RunSpec } from '../../../src/domain/spec.js';
import { InvalidDocument } from '../../../src/engines/config/invalid-document.js';
import { loadSpec } from '../../../src/engines/config/load-spec.js';
import { jsonSchemaOf, keysOf } from '../../../src/engines/config/schema-keys.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-spec-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function load(text: string, name = 'spec.yaml'): Promise<RunSpec> {
  await writeFile(join(dir, name), text);
  return (await loadSpec({ file: name, cwd: dir })).spec;
}

async function refusalOf(text: string | Uint8Array, name = 'spec.yaml'): Promise<InvalidDocument> {
  await writeFile(join(dir, name), text);
  const error: unknown = await loadSpec({ file: name, cwd: dir }).then(() => undefined, (e: unknown) => e);
  if (!(error instanceof InvalidDocument)) throw new Error(`not refused: ${String(error)}`);
  return error;
}

const problemsIn = async (text: string, name?: string): Promise<readonly Problem[]> => (await refusalOf(text, name)).problems;

const HEAD = 'schema: modelferry.run/1\nmodel: tiny\nversion: v1\n';

describe('a run spec', () => {
  it('is read from YAML and from JSON alike, with its defaults filled in', async () => {
    const yaml = await load(`${HEAD}stages:\n  train:\n    attempts:\n      - command: [node, train.js]\n        backoff: 1 second\n`);
    const json = await load(JSON.stringify({ schema: 'modelferry.run/1', model: 'tiny', version: 'v1', stages: { train: { attempts: [{ command: ['node', 'train.js'], backoff: '1 second' }] } } }), 'spec.json');
    expect(yaml).toEqual(json);
    expect(yaml.stages['train']?.attempts?.[0]).toMatchObject({ backend: 'cpu', executor: 'local', backoff: 1000 });
  });

  it('tells every problem at once, each with path, found, expected and the nearest right key or value', async () => {
    const problems = await problemsIn(`schema: modelferry.run/1
modle: tiny
version: -1
stages:
  trian: {}
  train:
    attempts:
      - command: []
        backend: nvidea
        grace: soon
        excutor: local
`);
    const at = (path: string): Problem | undefined => problems.find((p) => p.path === path);
    expect(at('model')).toMatchObject({ found: 'nothing', expected: 'a string' });
    expect(at('modle')).toMatchObject({ suggestion: 'did you mean model?' });
    expect(at('version')).toMatchObject({ found: '-1', expected: 'a string' });
    expect(at('stages.trian')).toMatchObject({ suggestion: 'did you mean train?' });
    expect(at('stages.train.attempts[0].command')).toBeDefined();
    expect(at('stages.train.attempts[0].backend')).toMatchObject({ found: '"nvidea"', expected: 'one of nvidia, ascend, cpu', suggestion: 'did you mean nvidia?' });
    expect(at('stages.train.attempts[0].grace')).toMatchObject({ found: '"soon"', expected: expect.stringContaining('a duration') });
    expect(at('stages.train.attempts[0].excutor')).toMatchObject({ suggestion: 'did you mean executor?' });
    expect(problems).toHaveLength(8);
  });

  it('names the nearest input when one is mistyped', async () => {
    const problems = await problemsIn(`${HEAD}inputs:\n  chekpoint: {path: ck}\nstages:\n  convert:\n    job: {command: [a]}\n`);
    expect(problems).toContainEqual(expect.objectContaining({ path: 'inputs.chekpoint', suggestion: 'did you mean checkpoint?' }));
  });

  it('tells a union by the member that fits best', async () => {
    expect(await problemsIn(`${HEAD}code: {pth: src}\nstages:\n  preflight: {}\n`)).toContainEqual(expect.objectContaining({ path: 'code.pth', suggestion: 'did you mean path?' }));
  });

  it('tells where YAML or JSON is broken by line and column', async () => {
    expect(await problemsIn('schema: modelferry.run/1\nmodel: [\n')).toMatchObject([{ path: expect.stringMatching(/spec\.yaml:\d+:\d+$/), expected: expect.stringContaining('YAML') }]);
    expect(await problemsIn('a: 1\na: 2\n')).toMatchObject([{ path: expect.stringMatching(/spec\.yaml:2:1$/), found: expect.stringContaining('unique') }]);
    expect(await problemsIn('{\n "a": "b', 'spec.json')).toContainEqual(expect.objectContaining({ path: expect.stringMatching(/spec\.json:2:\d+$/) }));
  });

  it('is plain data: a tag that nothing knows, a multiplying alias and a file of more than 1 MB are refused', async () => {
    expect(await problemsIn('a: !!js/function "x"\n')).toMatchObject([{ expected: expect.stringContaining('plain data') }]);
    const bomb = ['a0: &a0 [x, x]', ...Array.from({ length: 20 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`)].join('\n');
    expect(await problemsIn(bomb)).toMatchObject([{ expected: expect.stringContaining('aliases') }]);
    expect(await problemsIn(`a: ${'x'.repeat(1024 * 1024)}`)).toMatchObject([{ found: 'more than 1 MB' }]);
    expect((await refusalOf(new Uint8Array([0x61, 0x3a, 0x20, 0xff]))).problems).toMatchObject([{ found: expect.stringContaining('UTF-8') }]);
  });

  it('that is missing, or a directory, is said to be so', async () => {
    await expect(loadSpec({ file: 'none.yaml', cwd: dir })).rejects.toMatchObject({ fault: 'missing', problems: [{ found: 'no such file' }] });
    await expect(loadSpec({ file: '.', cwd: dir })).rejects.toMatchObject({ fault: 'missing', problems: [{ found: 'a directory' }] });
  });

  it('has its paths relative to the folder that it really lies in', async () => {
    await writeFile(join(dir, 'real.yaml'), `${HEAD}stages:\n  preflight: {}\n`);
    const elsewhere = await mkdtemp(join(tmpdir(), 'ferry-link-'));
    await symlink(join(dir, 'real.yaml'), join(elsewhere, 'link.yaml'));
    expect((await loadSpec({ file: 'link.yaml', cwd: elsewhere })).dir).toBe(dir);
    await rm(elsewhere, { recursive: true });
  });
});

describe('the keys that a schema allows', () => {
  it('are those of every alternative at a path, of lists and records too', () => {
    const keys = keysOf(RunSpec);
    expect(keys([])).toContain('stages');
    expect(keys(['code'])).toEqual(['path', 'artifact']);
    expect(keys(['inputs'])).toContain('checkpoint');
    expect(keys(['inputs', 'checkpoint'])).toEqual(['artifact', 'path']);
    expect(keys(['stages', 'train', 'attempts', 0, 'env', 'X'])).toEqual(['secret']);
    expect(keys(['params', 'a', 'b'])).toEqual([]);
    expect(keys(['nowhere'])).toEqual([]);
  });

  it('come from the JSON Schema that is published', () => {
    expect(jsonSchemaOf(RunSpec)).toMatchObject({ type: 'object', required: ['schema', 'model', 'version', 'stages'] });
  });
});
