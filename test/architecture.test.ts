import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, codeOf, importsOf, resolveImport, sourceFiles, type Import, type SourceFile } from './support/sources.js';

type Room = 'public' | 'domain' | 'engines' | 'jobs' | 'workflows' | 'activities' | 'workers' | 'client' | 'cli' | 'testing' | 'temporal-failure' | 'temporal-failure-attributes' | 'temporal-payloads' | 'temporal-codec';

interface RoomRule {
  /** Rooms, or single files, of which values may be imported; a room may always import from itself. */
  from: readonly string[];
  /** Rooms of which only types may be imported. */
  typesFrom?: readonly string[];
  /** The only packages; absent: any but those of `not`. Node's own modules count as packages. */
  packages?: RegExp;
  not?: RegExp;
}

const TEMPORAL_BUT = (allowed: string): RegExp => new RegExp(`^@temporalio/(?!(?:${allowed})(?:/|$))`);

/** Who may import whom: the table of docs/design.md. */
const RULES: Record<Room, RoomRule> = {
  // What users of the package import: nothing but re-exports, whichever room they come from.
  public: { from: ['domain', 'engines', 'workflows', 'activities', 'client', 'workers', 'testing', 'temporal-failure'], packages: /^$/ },
  domain: { from: [], packages: /^(?:zod|canonicalize|@noble\/.+)$/ },
  engines: { from: ['domain'], not: /^@temporalio\// },
  jobs: { from: ['domain', 'engines'], not: /^@temporalio\// },
  workflows: { from: ['domain', 'temporal-failure', 'temporal-payloads'], typesFrom: ['activities'], packages: /^@temporalio\/(?:workflow|common)$/ },
  activities: { from: ['domain', 'engines', 'temporal-failure', 'temporal-payloads'], not: TEMPORAL_BUT('activity|client|common|proto') },
  client: { from: ['domain', 'temporal-payloads'], not: TEMPORAL_BUT('client|common|envconfig') },
  cli: { from: ['client', 'engines', 'domain', 'jobs', 'temporal-codec'], typesFrom: ['workers'], not: TEMPORAL_BUT('client|common|envconfig') },
  workers: { from: ['domain', 'engines', 'workflows', 'activities', 'client', 'temporal-failure', 'temporal-codec'] },
  testing: { from: ['domain', 'engines', 'workflows', 'activities', 'client', 'workers', 'temporal-failure'] },
  'temporal-failure': { from: ['domain'], packages: /^@temporalio\/common$/ },
  'temporal-failure-attributes': { from: [], packages: /^@temporalio\/common$/ },
  'temporal-codec': { from: ['engines', 'temporal-payloads'], packages: /^@temporalio\/(?:common(?:\/lib\/encoding\.js)?|proto)$/ },
  'temporal-payloads': { from: [], packages: /^@temporalio\/common(?:\/lib\/encoding\.js)?$/ },
};

/** Each loads the native core and takes a second to start: only these may, and only when their command is run. */
const MAY_LOAD_WORKERS = /^src\/(?:cli\/commands\/(?:dev|worker|demo)\.ts$|testing\/)/;

/** Beside the CLI, workers/config reads the environment, and testing/environment that of its users' tests; a job's wrapper is its own process and hands its own on. */
const MAY_READ_ENV = /^src\/(?:cli\/|workers\/config\.ts$|testing\/environment\.ts$|engines\/jobs\/program\.ts$)/;

/** The modules of a project, whose names nobody here knows. */
const LOADS_USERS_CODE = 'src/engines/config/own-module.ts';

const roomOf = (path: string): string => path.replace(/^src\//, '').replace(/(?:\/.*|\.ts)$/, '');

function importProblem(file: SourceFile, found: Import, exists?: (path: string) => boolean): string | undefined {
  const room = roomOf(file.path);
  const rule = RULES[room as Room] as RoomRule | undefined;
  if (rule === undefined) return `the folder ${room} is no room of the design`;
  const { specifier, kind } = found;
  if (specifier === '(computed)') return file.path === LOADS_USERS_CODE ? undefined : 'a computed import can be checked by nobody';
  if (!specifier.startsWith('.')) {
    const refused = rule.packages === undefined ? rule.not?.test(specifier) === true : !rule.packages.test(specifier);
    return refused ? `${room} may not import ${specifier}` : undefined;
  }
  const target = resolveImport(file.path, specifier, exists);
  if (target === undefined) return `${specifier} does not exist`;
  const other = roomOf(target);
  if (other === 'workers' && room !== 'workers' && file.path !== 'src/public/worker.ts' && kind !== 'type') {
    if (!MAY_LOAD_WORKERS.test(file.path)) return 'only cli/commands/{dev,worker,demo} and testing may load workers';
    return kind === 'dynamic' ? undefined : 'workers are loaded with import(), when the command runs';
  }
  if (other === room || rule.from.includes(other) || rule.from.includes(target.replace(/^src\/|\.ts$/g, ''))) return undefined;
  if (rule.typesFrom?.includes(other) === true) return kind === 'type' ? undefined : `${room} may import only types from ${other}`;
  return `${room} may not import from ${other}`;
}

function problemsOf(file: SourceFile, exists?: (path: string) => boolean): string[] {
  const problems = importsOf(file).flatMap((found) => {
    const problem = importProblem(file, found, exists);
    return problem === undefined ? [] : [`${file.path}:${found.line}: ${problem}`];
  });
  const forbid = (pattern: RegExp, message: string): void => {
    for (const [i, line] of codeOf(file.text).split('\n').entries()) if (pattern.test(line)) problems.push(`${file.path}:${i + 1}: ${message}`);
  };
  if (!MAY_READ_ENV.test(file.path)) forbid(/\bprocess\s*\??\.\s*env\b|\bprocess\[|\benv\b[^=]*\}\s*=\s*process\b/, 'process.env is read only in workers/config and cli');
  if (!file.path.startsWith('src/cli/')) forbid(/\bprocess\.stdout\b|\bconsole\b/, 'only the CLI prints: stdout belongs to the answer of a command');
  if (/^src\/(?:domain|workflows)\//.test(file.path)) forbid(/\b(?:process|Buffer|crypto|require|setInterval|performance|__dirname)\b(?!:)/, 'the workflow sandbox does not have this');
  if (file.path.startsWith('src/domain/')) forbid(/\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bsetTimeout\(/, 'domain is pure: time and chance come as arguments');
  return problems;
}

const sources = sourceFiles('src');

describe('the rooms', () => {
  it('has sources to look at, in every room that exists', () => {
    expect(sources.length).toBeGreaterThan(80);
    expect(sources.flatMap(importsOf).length).toBeGreaterThan(300);
  });

  it('keeps every import, dynamic ones included, within what the design allows', () => {
    expect(sources.flatMap((file) => problemsOf(file))).toEqual([]);
  });

  const exists = (path: string): boolean => path.endsWith('.ts');
  it.each([
    ['src/domain/x.ts', "import { readFile } from 'node:fs/promises';", 'domain may not import node:fs/promises'],
    ['src/domain/x.ts', "import type { Client } from '@temporalio/client';", 'domain may not import @temporalio/client'],
    ['src/domain/x.ts', "export * from '../engines/jobs/tail.js';", 'domain may not import from engines'],
    ['src/domain/x.ts', 'const now = Date.now();', 'domain is pure: time and chance come as arguments'],
    ['src/domain/deep/x.ts', "import {\n  a,\n  b,\n} from '../../workflows/gate.js';", 'domain may not import from workflows'],
    ['src/workflows/stages/x.ts', "import { a } from '../../activities/jobs/index.js';", 'workflows may import only types from activities'],
    ['src/workflows/stages/x.ts', "import '../../engines/jobs/tail.js';", 'workflows may not import from engines'],
    ['src/workflows/x.ts', 'const a = Buffer.from(b);', 'the workflow sandbox does not have this'],
    ['src/workflows/x.ts', "import pino from 'pino';", 'workflows may not import pino'],
    ['src/engines/jobs/x.ts', "import { a } from '@temporalio/activity';", 'engines may not import @temporalio/activity'],
    ['src/engines/jobs/x.ts', "import { a } from '../../temporal-failure.js';", 'engines may not import from temporal-failure'],
    ['src/engines/jobs/x.ts', 'const { env } = process;', 'process.env is read only in workers/config and cli'],
    ['src/activities/jobs/x.ts', "import { a } from '@temporalio/worker';", 'activities may not import @temporalio/worker'],
    ['src/activities/jobs/x.ts', "import { a } from '../../client/connect.js';", 'activities may not import from client'],
    ['src/jobs/x.ts', "import { a } from '../activities/guards.js';", 'jobs may not import from activities'],
    ['src/jobs/x.ts', "import { a } from '@temporalio/client';", 'jobs may not import @temporalio/client'],
    ['src/client/x.ts', "import { a } from '../workflows/gate.js';", 'client may not import from workflows'],
    ['src/client/x.ts', "process.stdout.write('x');", 'only the CLI prints: stdout belongs to the answer of a command'],
    ['src/client/x.ts', 'const a = process.env.HOME;', 'process.env is read only in workers/config and cli'],
    ['src/cli/commands/status.ts', "const { a } = await import('../../workers/main.js');", 'only cli/commands/{dev,worker,demo} and testing may load workers'],
    ['src/cli/commands/worker.ts', "import { a } from '../../workers/main.js';", 'workers are loaded with import(), when the command runs'],
    ['src/cli/commands/dev.ts', 'const a = await import(`../../${b}.js`);', 'a computed import can be checked by nobody'],
    ['src/cli/x.ts', "import { a } from '../activities/guards.js';", 'cli may not import from activities'],
    ['src/workers/x.ts', "import { a } from '../cli/context.js';", 'workers may not import from cli'],
    ['src/elsewhere/x.ts', "import { a } from '../domain/gate.js';", 'the folder elsewhere is no room of the design'],
    ['src/client/x.ts', "import { a } from '../domain/gone.mjs';", '../domain/gone.mjs does not exist'],
  ])('would find in %s: %s', (path, text, problem) => {
    expect(problemsOf({ path, text: `// A first line.\n${text}\n` }, exists)).toEqual([`${path}:2: ${problem}`]);
  });

  it.each([
    ['src/workflows/stages/x.ts', "import type { A } from '../../activities/jobs/index.js';"],
    ['src/client/x.ts', "import { a } from '../domain/names.js';"],
    ['src/cli/commands/worker.ts', "const { a } = await import('../../workers/main.js');"],
    ['src/testing/x.ts', "const { a } = await import('../workers/main.js');"],
    ['src/workers/config.ts', 'const a = process.env.FERRY_SITE;'],
    ['src/engines/jobs/x.ts', "// import { a } from '@temporalio/worker';\nconst b = `\nimport shutil, sys\nprocess.env`;\nconst c = /process.env['\"]/;"],
  ])('allows in %s: %s', (path, text) => {
    expect(problemsOf({ path, text }, exists)).toEqual([]);
  });
});

/** Words that say that something is unfinished, switched off or unchecked; spelled so that this file does not hold them. */
const UNFINISHED = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', '@ts-' + 'ignore', '@ts-' + 'nocheck', '@ts-' + 'expect-error'].map((word) => `${word}\\b`).join('|'));
const SWITCHED_OFF = /\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:only|skip|todo)\b|\b[xf](?:it|describe)\(/;
const ANY = /(?::|\bas|<|,|\||&|=>)\s*any\b(?!\s*[(.:])/;
const MAX_LINES = 400;

function styleProblemsOf(file: SourceFile): string[] {
  const problems: string[] = [];
  const lines = file.text.split('\n');
  if (lines.length - 1 > MAX_LINES) problems.push(`${file.path}: ${lines.length - 1} lines; one idea a file, at most ${MAX_LINES}`);
  const code = codeOf(file.text).split('\n');
  for (const [i, line] of lines.entries()) {
    if (UNFINISHED.test(line)) problems.push(`${file.path}:${i + 1}: unfinished or unchecked: ${line.trim()}`);
    if (SWITCHED_OFF.test(code[i] ?? '')) problems.push(`${file.path}:${i + 1}: a test that is switched off, or switches others off`);
    if (ANY.test(code[i] ?? '') && file.path.endsWith('.ts')) problems.push(`${file.path}:${i + 1}: any`);
  }
  return problems;
}

describe('the style', () => {
  const files = [...sources, ...sourceFiles('test', 'bench', 'scripts', 'bin')];

  it('has no long file, nothing unfinished, nothing switched off and nothing untyped', () => {
    expect(files.flatMap(styleProblemsOf)).toEqual([]);
  });

  it('resolves every relative import, and loads no package that package.json does not name', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: object; devDependencies: object };
    const shipped = Object.keys(manifest.dependencies);
    const known = [...shipped, ...Object.keys(manifest.devDependencies), 'modelferry'];
    const problems = files.flatMap((file) =>
      importsOf(file).flatMap(({ specifier, line, kind }) => {
        if (specifier === '(computed)') return [];
        // Built files are there only after a build.
        if (specifier.startsWith('.')) return !specifier.includes('/dist/') && resolveImport(file.path, specifier) === undefined ? [`${file.path}:${line}: ${specifier} does not exist`] : [];
        const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
        const allowed = file.path.startsWith('src/') && kind !== 'type' ? shipped : known;
        return isBuiltin(specifier) || allowed.includes(name) || (kind === 'type' && name === '@temporalio/proto') ? [] : [`${file.path}:${line}: package.json does not name ${name}`];
      }),
    );
    expect(problems).toEqual([]);
  });

  it.each([
    [`// ${'TO'}DO: later`, 'unfinished'],
    ['describe.skip("x", () => {});', 'switched off'],
    ['it.concurrent.only("x", () => {});', 'switched off'],
    ['const a = b as any;', 'any'],
    ['function f(a: any): void {}', 'any'],
    ['const a: Record<string, any> = {};', 'any'],
    ['\n'.repeat(401), 'one idea a file'],
  ])('would find: %s', (text, problem) => {
    expect(styleProblemsOf({ path: 'test/x.test.ts', text }).join()).toContain(problem);
  });

  it('lets the word stand in texts and comments', () => {
    expect(styleProblemsOf({ path: 'src/x.ts', text: "// Takes any value, as any of them may.\nconst a = 'it.only: any';\nconst b = { any: 1 };\n" })).toEqual([]);
  });
});
