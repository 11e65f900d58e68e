import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TEMPLATES, TEMPLATE_NAMES, type TemplateName } from '../../src/engines/project/templates.js';
import { packageNameOf } from '../../src/engines/project/manifest.js';
import { ROOT } from '../support/sources.js';
import { call, type Called } from './call.js';

interface Made {
  dir: string;
  template: string;
  files: { path: string; state: string }[];
  changes: string[];
  kept: string[];
  next: string[];
}
interface Manifest {
  name?: string;
  type?: string;
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  modelferry?: { pipelines: string };
}
interface Refused {
  error: { code: string; message: string; hint: string; problems: { path: string; found: string }[] };
}

const OWN = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string; devDependencies: Record<string, string> };
const exampleOf = (name: TemplateName): string => join(ROOT, TEMPLATES[name].example);

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ferry-init-'));
  dir = join(root, 'mine');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const init = (...args: string[]): Promise<Called> => call(['init', ...args], { cwd: root });
async function made(...args: string[]): Promise<Made> {
  const { code, out, err } = await init(...args, '--json');
  expect({ code, err, out: code === 0 ? '' : out }).toEqual({ code: 0, err: '', out: '' });
  return JSON.parse(out) as Made;
}
async function refused(...args: string[]): Promise<Refused['error']> {
  const { code, out } = await init(...args, '--json');
  expect(code).toBe(2);
  return (JSON.parse(out) as Refused).error;
}
const read = (path: string): string => readFileSync(join(dir, path), 'utf8');
const manifest = (): Manifest => JSON.parse(read('package.json')) as Manifest;
function put(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
}
/** Every file below the project's folder, with its text. */
const tree = (folder = dir): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
  );

describe('a template', () => {
  it.each(TEMPLATE_NAMES)('%s is an example of the package, every file that is kept of it but its page', (name) => {
    const kept = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: exampleOf(name), encoding: 'utf8' }).trim().split('\n');
    expect(kept.filter((path) => path !== 'README.md' && !path.startsWith('test/histories/')).sort()).toEqual([...TEMPLATES[name].files, 'package.json'].sort());
  });

  it.each([...TEMPLATE_NAMES.map((name) => TEMPLATES[name].example), 'examples/more-pipelines'])('%s names the versions of this package', (example) => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, example, 'package.json'), 'utf8')) as Manifest;
    expect(dependencies['modelferry']).toBe(`^${OWN.version}`);
    for (const [tool, version] of Object.entries(devDependencies)) expect([tool, version]).toEqual([tool, OWN.devDependencies[tool]]);
  });
});

describe('ferry init in a new folder', () => {
  it.each(TEMPLATE_NAMES)('writes the files of %s, a package.json of the folder’s name and a .gitignore', async (name) => {
    const { files, template, next, ...rest } = await made('mine', '--template', name);
    expect({ template, dir: rest.dir, changes: rest.changes, kept: rest.kept }).toEqual({ template: name, dir, changes: [], kept: [] });
    expect(files.map(({ path }) => path).sort()).toEqual(Object.keys(tree()).sort());
    expect(new Set(files.map(({ state }) => state))).toEqual(new Set(['created']));
    for (const path of TEMPLATES[name].files) expect(read(path), path).toBe(readFileSync(join(exampleOf(name), path), 'utf8'));
    expect(read('.gitignore').split('\n')).toContain('node_modules/');
    expect(manifest()).toMatchObject({ name: 'mine', type: 'module', dependencies: { modelferry: `^${OWN.version}` }, devDependencies: { typescript: OWN.devDependencies['typescript'], vitest: OWN.devDependencies['vitest'] } });
    expect(next).toEqual(['cd mine', expect.stringMatching(/^npm install/), 'npm test', 'npm run dev', expect.stringMatching(/ferry start run\.yaml/)]);
  });

  it('takes a pipeline of one’s own where no template is named, and the current folder where no folder is', async () => {
    mkdirSync(dir);
    const { code, out } = await call(['init'], { cwd: dir });
    expect(code).toBe(0);
    expect(out).toContain(`${dir}: a project of the template custom`);
    expect(manifest().modelferry).toEqual({ pipelines: 'dist/pipelines.js' });
    expect(out).not.toContain('cd ');
  });

  it('leaves a spec and a site file that ferry plan has nothing against', async () => {
    await made('mine', '--template', 'release');
    expect(await call(['plan', 'run.yaml'], { cwd: dir })).toMatchObject({ code: 0, out: expect.stringContaining('at the site laptop') });
  });

  it('names both templates for another one, and writes nothing', async () => {
    const { message, hint } = await refused('mine', '--template', 'relase');
    expect(message).toContain('relase');
    expect(hint).toContain('Did you mean release?');
    for (const name of TEMPLATE_NAMES) expect(hint).toContain(`--template ${name}`);
    expect(existsSync(dir)).toBe(false);
  });
});

describe('ferry init where something is already', () => {
  it('changes nothing the second time', async () => {
    await made('mine');
    const before = tree();
    const { files, changes } = await made('mine');
    expect(new Set(files.map(({ state }) => state))).toEqual(new Set(['unchanged']));
    expect(changes).toEqual([]);
    expect(tree()).toEqual(before);
  });

  it('finishes what a crash has left half done', async () => {
    await made('mine');
    const whole = tree();
    for (const path of ['package.json', 'src/pipelines.ts', 'test/pipelines.test.ts']) rmSync(join(dir, path));
    const { files } = await made('mine');
    expect(files.filter(({ state }) => state === 'created').map(({ path }) => path)).toEqual(['package.json', 'src/pipelines.ts', 'test/pipelines.test.ts']);
    expect(tree()).toEqual(whole);
  });

  it('names every file with other content and writes nothing at all', async () => {
    put({ 'src/pipelines.ts': 'export {};\n', 'tsconfig.json': '{}\n', 'notes.md': 'mine\n' });
    const before = tree();
    const { code, problems, hint } = await refused('mine');
    expect(code).toBe('project_conflict');
    expect(problems.map(({ path }) => path)).toEqual(['src/pipelines.ts', 'tsconfig.json']);
    expect(hint).toContain('Nothing was written');
    expect(tree()).toEqual(before);
  });

  it('is not led out of its folder by a link, and takes no file for a folder', async () => {
    mkdirSync(join(root, 'elsewhere'));
    mkdirSync(dir);
    symlinkSync(join(root, 'elsewhere'), join(dir, 'src'));
    symlinkSync(join(root, 'elsewhere/package.json'), join(dir, 'package.json'));
    put({ jobs: 'a file' });
    mkdirSync(join(dir, 'run.yaml'));
    const { problems } = await refused('mine');
    expect(Object.fromEntries(problems.map(({ path, found }) => [path, found]))).toEqual({ jobs: 'a file', 'package.json': 'a symbolic link', 'run.yaml': 'a folder', src: 'a symbolic link' });
    expect(readdirSync(join(root, 'elsewhere'))).toEqual([]);
  });

  it('is told that DIR is a file, or lies below one', async () => {
    writeFileSync(join(root, 'file'), '');
    for (const place of ['file', 'file/below']) expect((await refused(place)).problems).toMatchObject([{ path: join(root, place), found: 'a file' }]);
  });

  it('is told of a folder that can’t be made', async () => {
    expect(await refused('x'.repeat(300))).toMatchObject({ code: 'not_written', message: expect.stringContaining('ENAMETOOLONG'), hint: expect.stringContaining('ferry init DIR') });
  });

  it('adds to a .gitignore what it lacks', async () => {
    put({ '.gitignore': '# ours\n/node_modules\n.env' });
    const { changes } = await made('mine');
    expect(read('.gitignore')).toBe('# ours\n/node_modules\n.env\ndist/\n');
    expect(changes).toContain('.gitignore: dist/');
  });
});

describe('a package.json that is there', () => {
  it('keeps every key that it has, in its order and indentation, and a modelferry that was installed from a tarball', async () => {
    const before = { name: 'ours', version: '4.5.6', license: 'MIT', scripts: { build: 'make', lint: 'x' }, dependencies: { modelferry: 'file:modelferry.tgz', left: '1' }, devDependencies: { typescript: '^5.9.0' } };
    put({ 'package.json': `${JSON.stringify(before, null, '\t')}\n`, 'node_modules/modelferry/package.json': '{}' });
    const { changes, kept, next } = await made('mine');
    const after = manifest();
    expect(after).toMatchObject({ ...before, scripts: { build: 'make', lint: 'x', test: expect.any(String) as string }, type: 'module', modelferry: { pipelines: 'dist/pipelines.js' } });
    expect(Object.keys(after).slice(0, 6)).toEqual(Object.keys(before));
    expect(after.dependencies['modelferry']).toBe('file:modelferry.tgz');
    expect(read('package.json')).toMatch(/^\{\n\t"name"/);
    expect(changes).toEqual(expect.arrayContaining(['package.json: type: module', 'package.json: modelferry.pipelines: dist/pipelines.js']));
    expect(kept).toEqual([expect.stringContaining('scripts.build is "make"'), expect.stringContaining('typescript is "^5.9.0"')]);
    expect(next).toContain('npm install');
  });

  it('may be the one that npm init writes: what nobody meant gives way', async () => {
    put({ 'package.json': JSON.stringify({ name: 'mine', version: '1.0.0', main: 'index.js', scripts: { test: 'echo "Error: no test specified" && exit 1' }, type: 'commonjs' }) });
    await made('mine');
    expect(manifest()).toMatchObject({ name: 'mine', version: '1.0.0', main: 'index.js', type: 'module', scripts: { test: expect.stringContaining('vitest run') as string } });
  });

  it('may be the one that npm install leaves in an empty folder', async () => {
    put({ 'package.json': JSON.stringify({ dependencies: { modelferry: 'file:../modelferry.tgz' } }) });
    await made('mine');
    expect(manifest()).toMatchObject({ name: 'mine', private: true, type: 'module', dependencies: { modelferry: 'file:../modelferry.tgz' } });
  });

  it.each([
    ['of a project with CommonJS code', { 'package.json': '{"type":"commonjs","main":"index.js"}', 'index.js': '' }, 'package.json, type', '"commonjs"'],
    ['that is torn', { 'package.json': '{"name":' }, 'package.json', 'no JSON object'],
    ['that is a list', { 'package.json': '[]' }, 'package.json', 'no JSON object'],
    ['whose dependencies are a list', { 'package.json': '{"name":"x","dependencies":[]}' }, 'package.json, dependencies', '[]'],
    ['whose scripts are a text', { 'package.json': '{"name":"x","scripts":"build"}' }, 'package.json, scripts', '"build"'],
  ] as const)('%s is refused, and nothing is written', async (_, files, path, found) => {
    put(files);
    const before = tree();
    expect((await refused('mine')).problems).toMatchObject([{ path, found }]);
    expect(tree()).toEqual(before);
  });
});

it('a folder’s name becomes one that npm takes, and none of the project’s own dependencies', () => {
  const taken = ['modelferry', 'vitest'];
  const names = ['My Pipeline', '.hidden', 'Größe_2', '模型', '', 'modelferry', 'vitest', 'node_modules', 'a'.repeat(300)].map((folder) => packageNameOf(folder, taken));
  expect(names).toEqual(['my-pipeline', 'hidden', 'gro-e_2', 'ferry-project', 'ferry-project', 'modelferry-project', 'vitest-project', 'node_modules-project', 'a'.repeat(100)]);
  for (const name of names) expect(name).toMatch(/^[a-z0-9][a-z0-9._-]*$/);
});
