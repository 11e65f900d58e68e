// What the pages tell a reader to type or to write down works: every block and every command in a sentence.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT } from '../support/sources.js';
import { blocksOf, compilerProblems, fileOf, mentionsIn, moduleOf, PAGES, problemsOf, readPage, refusalOf, type Block } from './blocks.js';
import { simpleCommands } from './shell.js';
import { problemsOfCall } from './typed-calls.js';

// The first block loads commands with all that they import.
const SLOW = { timeout: 60_000 };
const BLOCKS = PAGES.flatMap((page) => blocksOf(page, readPage(page)));

describe('the blocks of the pages', SLOW, () => {
  it.each(BLOCKS.map((block) => [`${block.page}:${block.line} ${block.language} ${block.remark}`.trim(), block] as const))('%s', async (_title, block) => {
    expect(await problemsOf(block)).toEqual([]);
  });

  it('are all found: each page has as many as it has fences', () => {
    for (const page of PAGES) expect(blocksOf(page, readPage(page)).length * 2, page).toBe(readPage(page).match(/^ *```/gm)?.length ?? 0);
  });
});

it.each(PAGES)('the commands in the sentences of %s are there', SLOW, async (page) => {
  const problems = await Promise.all(mentionsIn(readPage(page)).flatMap(simpleCommands).map((words) => problemsOfCall(words, { mentioned: true })));
  expect(problems.flat()).toEqual([]);
});

describe('TypeScript in the pages', SLOW, () => {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  // Inside the package, so that packages resolve as they do for its own sources.
  const folder = mkdtempSync(join(ROOT, '.cache/snippets-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /**
   * Compiles blocks as modules beside each other, those of a page in a folder of their own. One with a name (`ts file: NAME`)
   * has it, so that others import it; what a page does not have is looked for in src, as a contributor's new file would.
   */
  function problemsIn(name: string, blocks: readonly Block[]): string[] {
    const dir = join(folder, name);
    const placed = blocks.map((block) => ({ block, page: block.page.replace(/\W/g, '-'), file: fileOf(block) ?? `line-${block.line}.ts` }));
    for (const { block, page, file } of placed) {
      mkdirSync(dirname(join(dir, page, file)), { recursive: true });
      writeFileSync(join(dir, page, file), moduleOf(block));
    }
    const rootDirs = [...new Set(placed.map(({ page }) => page)), '../../../src'];
    const paths = { 'modelferry/*': ['../../../src/public/*.ts'] };
    writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ extends: '../../../tsconfig.json', compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, paths, rootDirs }, include: ['**/*.ts'] }));
    return compilerProblems(dir);
  }

  const compiled = BLOCKS.filter(({ language, remark }) => language === 'ts' && !remark.startsWith('skipped'));

  it('compiles against the sources', () => {
    expect(problemsIn('pages', compiled.filter((block) => refusalOf(block) === undefined))).toEqual([]);
  });

  it.each(compiled.filter((block) => refusalOf(block) !== undefined).map((block) => [`${block.page}:${block.line}`, block] as const))('is refused where the page says so, with the words of the page: %s', (_title, block) => {
    expect(problemsIn(`refused-${block.page.replace(/\W/g, '-')}-${block.line}`, [block]).join('\n')).toContain(refusalOf(block));
  });

  it('would be refused where a name is not there, and a fragment may wait', () => {
    const text = (of: string, remark: string, line: number): Block => ({ page: 'planted.md', line, language: 'ts', remark, text: of });
    const good = text("import { jobKey } from 'modelferry/domain';\nawait Promise.resolve(jobKey({ runUid: 'u-12345678', stage: 'train', round: 1, attempt: 1 }));\nreturn;\n", 'fragment', 1);
    const bad = text("import { jobKeys } from 'modelferry/domain';\nexport const keys = jobKeys;\n", '', 9);
    expect(problemsIn('planted', [good, bad])).toEqual([expect.stringMatching(/planted-md.line-9\.ts.*jobKeys/)]);
  });
});

it('the pages have many of each, so that none of these checks holds of nothing', () => {
  expect(BLOCKS.filter(({ language }) => language === 'sh').flatMap(({ text }) => simpleCommands(text)).filter(([word]) => word === 'ferry').length).toBeGreaterThan(60);
  expect(PAGES.flatMap((page) => mentionsIn(readPage(page))).length).toBeGreaterThan(100);
});

describe('a planted mistake is found', SLOW, () => {
  const PLANTED: readonly (readonly [fence: string, text: string, found: RegExp])[] = [
    ['sh', 'ferry strat run.yaml', /no command "strat"/],
    ['sh', 'ferry start run.yaml --wiat', /unknown option '--wiat'/],
    ['sh', 'npx ferry approve demo-1', /required option '--reason <text>'/],
    ['sh', 'ferry status RUN EXTRA', /too many arguments/],
    ['sh', 'cd x && A=1 ferry lsit | head -1', /no command "lsit"/],
    ['sh', 'echo "$(ferry gc --dry)"', /unknown option '--dry'/],
    ['sh', 'ferry release', /names a group/],
    ['sh', 'ferry schema sites', /exits with 2/],
    ['sh', 'npm run demmo', /no such script/],
    ['sh', 'npm run demo -- --aprove-as x', /unknown option '--aprove-as'/],
    ['sh', 'node examples/none.mjs', /no such file/],
    ['sh', '.ci/rum', /no such file/],
    ['sh', 'if true; then', /syntax error/],
    ['yaml', 'a: 1', /names no schema/],
    ['yaml', 'schema: modelferry.run/1\nmodel: m\nversion: "1"\nstages: { trian: {} }', /trian/],
    ['yaml', 'schema: modelferry.site/1\naprovers: []', /aprovers/],
    ['yaml fragment', 'train: { attempts: [{ comand: [x] }] }', /comand/],
    ['yaml fragment', 'limits: { sweepInterval: soon }', /sweepInterval/],
    ['yaml fragment', 'nothing: 1', /a fragment of what/],
    ['json', '{"a":1,}', /JSON/],
    ['jsonl', '{"stepp":1}', /no line of progress/],
    ['js', 'localStorage.setItem(', /Unexpected/],
    ['python', 'def f(:', /SyntaxError/],
    ['ini', '[Service]\nExecStart=/usr/bin/node /opt/bin/ferry.js wroker', /no command "wroker"/],
    ['ini', 'KillMode process', /no line of a unit/],
    ['rust', 'fn main() {}', /no check covers/],
    ['', 'x', /no check covers/],
    ['rust skipped:', 'x', /no check covers/],
  ];
  it.each(PLANTED)('%s: %s', async (fence, text, found) => {
    const [block] = blocksOf('README.md', `\`\`\`${fence}\n${text}\n\`\`\`\n`);
    expect(block).toBeDefined();
    expect((block === undefined ? [] : await problemsOf(block)).join('\n')).toMatch(found);
  });

  it('in a sentence too, where arguments may be left out', async () => {
    const typed = mentionsIn('Try `ferry approve RUN`, `ferry aprove` or `npm run tset`.\n| `ferry keys new` *(later)* | |\n');
    const problems = await Promise.all(typed.flatMap(simpleCommands).map((words) => problemsOfCall(words, { mentioned: true })));
    expect(problems.map((each) => each.length)).toEqual([0, 1, 1]);
  });

  it('and a skip that says why is none', async () => {
    expect(await problemsOf({ page: 'README.md', line: 1, language: 'rust', remark: 'skipped: of another project', text: '' })).toEqual([]);
  });
});

it.each([
  ['a -b "c d" \'e f\' # g', [['a', '-b', 'c d', 'e f']]],
  ['a && B=1 c || d; e | f &', [['a'], ['c'], ['d'], ['e'], ['f']]],
  ['a > x 2>&1 < y >>z b', [['a', 'b']]],
  ['x=$(a b) && c "$(d "e")"', [['a', 'b'], ['d', 'e'], ['c', '$()']]],
  ['a \\\n  b\nc', [['a', 'b'], ['c']]],
  ['if a; then { b; }; fi', [['a'], ['b']]],
  ['a <(b c)', [['b', 'c'], ['a', '$()']]],
])('the reader of shell lines reads %s', (text, commands) => {
  expect(simpleCommands(text)).toEqual(commands);
});

it.each([
  ['ts file: pipelines.ts', 'examples/custom-pipeline/src/pipelines.ts'],
  ['yaml file: run.yaml', 'examples/custom-pipeline/run.yaml'],
])('docs/getting-started.md shows the example as it is: %s', (fence, file) => {
  const shown = BLOCKS.find(({ page, language, remark }) => page === 'docs/getting-started.md' && `${language} ${remark}` === fence);
  expect(shown?.text).toBe(readPage(file));
});
