// The code blocks of the pages, and what is wrong with one. A block that no check covers is an error.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { parse } from 'yaml';
import { BUILT_IN_SITE, Site } from '../../src/domain/site.js';
import type { PipelineDescription } from '../../src/domain/pipeline.js';
import { pipelineOf, RunSpec, runSpecOf, type Pipelines } from '../../src/domain/spec.js';
import { RELEASE_PIPELINE, RELEASE_STAGES, STAGE_NAMES } from '../../src/domain/stage.js';
import { jsonSchemaOf } from '../../src/engines/config/schema-keys.js';
import { parseProgressLine } from '../../src/engines/jobs/progress-reader.js';
import { ROOT } from '../support/sources.js';
import { simpleCommands } from './shell.js';
import { problemsOfCall } from './typed-calls.js';

export interface Block {
  /** The page's path from the root. */
  readonly page: string;
  /** Of its opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** The rest of the info string: `fragment`, or `skipped: WHY`. */
  readonly remark: string;
  readonly text: string;
}

export const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
  ...readdirSync(join(ROOT, 'examples')).map((name) => `examples/${name}/README.md`),
];

export const readPage = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** Every fenced block of a page, also one in a list. */
export function blocksOf(page: string, text: string): Block[] {
  return [...text.matchAll(/^( *)```([^\n`]*)\n([\s\S]*?)^ *```$/gm)].map(({ index, 1: indent = '', 2: info = '', 3: body = '' }) => {
    const [language = '', ...remark] = info.trim().split(' ');
    return { page, line: text.slice(0, index).split('\n').length, language, remark: remark.join(' '), text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), '') };
  });
}

/** Calls of ferry and npm in a page's sentences, without synopses and what is not built yet: test/docs/contract.test.ts holds those. */
export const mentionsIn = (text: string): string[] =>
  text
    .replace(/^ *```[\s\S]*?^ *```$/gm, '')
    .split('\n')
    .filter((line) => !line.includes('*(later)*'))
    .flatMap((line) => [...line.matchAll(/`((?:npx )?ferry [^`]+|npm (?:run|ci|test)[^`]*)`/g)].map(([, typed = '']) => typed))
    .filter((typed) => !/[[…|]|ferry COMMAND/.test(typed));

const CHECKS: Readonly<Record<string, (block: Block) => string[] | Promise<string[]>>> = {
  // What a program prints is no promise of the page.
  text: () => [],
  sh: ofShell,
  yaml: ofYaml,
  json: ({ text }) => thrown(() => validated(JSON.parse(text))),
  jsonl: ({ text }) => text.trimEnd().split('\n').flatMap((line) => (parseProgressLine(line) === undefined ? [`no line of progress: ${line}`] : [])),
  js: ({ text }) => thrown(() => void new Script(text)),
  python: ofPython,
  ini: ofUnit,
  // The compiler is asked once for all of them: test/docs/snippets.test.ts.
  ts: (block) => (['', 'fragment'].includes(block.remark) || fileOf(block) !== undefined || refusalOf(block) !== undefined ? [] : [`a ts block is whole, a fragment, a file or refused, not ${block.remark}`]),
};

/** The name of a block that others of its page import: `ts file: NAME`. */
export const fileOf = ({ remark }: Block): string | undefined => /^file: (\S+\.\w+)$/.exec(remark)?.[1];

/** What the compiler must say of a block that is wrong on purpose: `ts refused: WORDS`. */
export const refusalOf = ({ remark }: Block): string | undefined => /^refused: (\S.*)$/.exec(remark)?.[1];

export async function problemsOf(block: Block): Promise<string[]> {
  if (/^skipped: \S/.test(block.remark)) return [];
  const check = CHECKS[block.language];
  if (check === undefined) return [`no check covers a block ${JSON.stringify(block.language)}: name it ${Object.keys(CHECKS).join(', ')} (text: output), or add "skipped: WHY" to its fence`];
  return await check(block);
}

async function ofShell({ text, page }: Block): Promise<string[]> {
  const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
  if (status !== 0) return [stderr];
  const problems = await Promise.all(simpleCommands(text).map((words) => problemsOfCall(words, { folder: join(ROOT, dirname(page)) })));
  return problems.flat();
}

async function ofYaml({ text, remark }: Block): Promise<string[]> {
  const pipelines = await examplePipelines();
  return thrown(() => validated(remark === 'fragment' ? wholeOf(parse(text)) : parse(text), pipelines));
}

let examples: Promise<Pipelines> | undefined;

/** The pipelines of the examples, of which the pages show specs; against the sources, whatever is built. */
function examplePipelines(): Promise<Pipelines> {
  examples ??= (async () => {
    const found: Record<string, PipelineDescription> = {};
    mkdirSync(join(ROOT, '.cache'), { recursive: true });
    const folder = mkdtempSync(join(ROOT, '.cache/example-pipelines-'));
    try {
      for (const example of ['custom-pipeline', 'more-pipelines']) {
        const file = `${example}.ts`;
        const text = readFileSync(join(ROOT, 'examples', example, 'src/pipelines.ts'), 'utf8');
        writeFileSync(join(folder, file), text.replaceAll("'modelferry/workflow'", JSON.stringify(join(ROOT, 'src/public/workflow.ts'))));
        for (const [name, { pipeline }] of Object.entries((await import(join(folder, file))) as Record<string, { pipeline: PipelineDescription }>)) found[name] = pipeline;
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return found;
  })();
  return examples;
}

/** Throws what is wrong with a document by the schema that it names; JSON without one is only held to its form. */
function validated(document: unknown, pipelines: Pipelines = {}): void {
  const schema = typeof document === 'object' && document !== null && 'schema' in document ? document.schema : undefined;
  if (schema === 'modelferry.run/1') runSpecOf(pipelineOf(document, pipelines) ?? RELEASE_PIPELINE).parse(document);
  else if (schema === 'modelferry.site/1') Site.parse(document);
  else if (schema === undefined) throw new Error('it names no schema: write the line schema, or mark a part of a spec or site as fragment');
}

/** A whole spec or site with the fragment in its place: keys are stages, or keys of a spec, or those of a site. */
function wholeOf(fragment: unknown): unknown {
  const keys = typeof fragment === 'object' && fragment !== null ? Object.keys(fragment) : [];
  const only = (names: readonly string[]): boolean => keys.length > 0 && keys.every((key) => names.includes(key));
  const job = { job: { command: ['true'] } };
  const stages = { ...Object.fromEntries(STAGE_NAMES.filter((stage) => ['job', 'served'].includes(RELEASE_STAGES[stage].section)).map((stage) => [stage, job])), train: { attempts: [job.job] }, approve: {}, publish: {} };
  const spec = { schema: 'modelferry.run/1', model: 'm', version: '1', stages };
  if (only(STAGE_NAMES)) return { ...spec, stages: { ...stages, ...(fragment as object) } };
  if (only(Object.keys(jsonSchemaOf(RunSpec)['properties'] ?? {}))) return { ...spec, ...(fragment as object) };
  if (only(Object.keys(Site.shape))) return { ...BUILT_IN_SITE, ...(fragment as object) };
  throw new Error(`a fragment of what? Its keys are ${keys.join(', ') || 'none'}`);
}

/** Its syntax; test/docs/job-contract.test.ts runs the program of that page. */
function ofPython({ text }: Block): string[] {
  const { status, stderr, error } = spawnSync('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], { input: text, encoding: 'utf8' });
  if (error !== undefined) return [`python3 must be on PATH: ${error.message}`];
  return status === 0 ? [] : [stderr];
}

/** A unit of systemd: its form, and the ferry that it starts. */
async function ofUnit({ text }: Block): Promise<string[]> {
  const lines = text.split('\n').filter((line) => line !== '' && !/^(?:\[\w+\]|[A-Z]\w*=\S.*)$/.test(line));
  const calls = [...text.matchAll(/^ExecStart=.*ferry\.js (.+)$/gm)].map(([, args = '']) => ['ferry', ...args.split(' ')]);
  const problems = await Promise.all(calls.map((words) => problemsOfCall(words)));
  return [...lines.map((line) => `no line of a unit: ${line}`), ...problems.flat()];
}

function thrown(check: () => void): string[] {
  try {
    check();
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** A ts block as a module; the statements of a fragment stand in an async function below its imports. */
export function moduleOf({ text, remark }: Block): string {
  if (remark !== 'fragment') return `${text}\nexport {};\n`;
  const lines = text.split('\n');
  const isImport = (line: string): boolean => line.startsWith('import ');
  return [...lines.filter(isImport), 'export async function snippet(): Promise<void> {', ...lines.filter((line) => !isImport(line)), '}', ''].join('\n');
}

/** What the compiler says of a folder with a tsconfig.json. */
export function compilerProblems(folder: string): string[] {
  try {
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'], { encoding: 'utf8', stdio: 'pipe' });
    return [];
  } catch (error) {
    if (!(error instanceof Error && 'stdout' in error)) throw error;
    return String(error.stdout).trimEnd().split('\n');
  }
}
