// What a worker says of a pipelines module that can't run in the workflow sandbox: which import of whose, in one line.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InvalidDocument } from '../../src/engines/config/invalid-document.js';
import { bundlePipelines } from '../../src/workers/bundle-pipelines.js';
import { ROOT } from '../support/sources.js';

mkdirSync(join(ROOT, '.cache'), { recursive: true });
// Inside the package, so that it finds modelferry and the SDK as a project finds what it has installed.
const folder = mkdtempSync(join(ROOT, '.cache/pipelines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function moduleOf(name: string, imports: string, use = ''): string {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(
    file,
    `${imports}\nimport { definePipeline, jobStage } from 'modelferry/workflow';\nexport const ${name} = definePipeline({ name: '${name}', stages: { tune: jobStage({ job: { command: ['node'] } }) }, run: async (stages) => { ${use}; await stages.tune(); } });\n`,
  );
  return file;
}

async function problemsOf(file: string): Promise<{ path: string; found: string }[]> {
  const error = await bundlePipelines({ file }).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(InvalidDocument);
  return (error as InvalidDocument).problems.map(({ path, found }) => ({ path, found }));
}

describe('a pipelines module', () => {
  it('is bundled with the pipelines of the package beside its own', async () => {
    const { code } = await bundlePipelines({ file: moduleOf('fine', '') });
    expect(code).toContain("name: 'fine'");
    expect(code).toContain('sweepJobs');
  });

  it.each<[string, string, string]>([
    ['node:fs', "import { readFileSync } from 'node:fs';", 'readFileSync'],
    ['dns', "import { lookup } from 'dns';", 'lookup'],
    ['@temporalio/client', "import { Connection } from '@temporalio/client';", 'Connection'],
  ])('is refused for an import of %s', async (module, imports, use) => {
    expect(await problemsOf(moduleOf('own', imports, use))).toEqual([{ path: 'own.mjs', found: `an import of ${module}` }]);
  });

  it('is refused for what another file of the project imports, which is named', async () => {
    writeFileSync(join(folder, 'helper.mjs'), "import { createHash } from 'node:crypto';\nexport const hash = () => createHash('sha256');\n");
    expect(await problemsOf(moduleOf('deep', "import { hash } from './helper.mjs';", 'hash()'))).toEqual([{ path: 'helper.mjs', found: 'an import of node:crypto' }]);
  });

  it('is refused for a package that needs Node.js, in one line for all that it needs', async () => {
    mkdirSync(join(folder, 'node_modules/needy'), { recursive: true });
    writeFileSync(join(folder, 'node_modules/needy/package.json'), '{"name":"needy","type":"module","exports":"./index.js"}');
    writeFileSync(join(folder, 'node_modules/needy/index.js'), "import './inner.js';\nimport { readFileSync } from 'node:fs';\nexport const needy = readFileSync;\n");
    writeFileSync(join(folder, 'node_modules/needy/inner.js'), "import { platform } from 'node:os';\nglobalThis.needed = platform;\n");
    expect(await problemsOf(moduleOf('uses', "import { needy } from 'needy';", 'needy'))).toEqual([{ path: 'uses.mjs', found: expect.stringMatching(/^an import of needy, which needs node:(?:os, node:fs|fs, node:os)$/) }]);
  });

  it('is refused for an import of what is not there', async () => {
    expect(await problemsOf(moduleOf('lost', "import { gone } from './gone.mjs';", 'gone()'))).toEqual([{ path: 'lost.mjs', found: 'an import of ./gone.mjs' }]);
  });

  it('with a syntax error is refused by the command itself, which names what shows the line', () => {
    const file = join(folder, 'syntax.mjs');
    writeFileSync(file, 'export const a = {;\n');
    writeFileSync(join(folder, 'run.yaml'), 'schema: modelferry.run/1\npipeline: a\nmodel: m\nversion: "1"\n');
    const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'bin/ferry.js'), 'plan', 'run.yaml', '--pipelines', file, '--json'], { cwd: folder, encoding: 'utf8' });
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'pipelines_invalid', problems: [{ path: 'syntax.mjs', found: "SyntaxError: Unexpected token ';'", suggestion: `node ${file} shows where` }] } });
  });
});
