// Holds docs/contract.md to the code: what the page says is there, is there, under that name.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { renderLocalJob } from '../../src/activities/jobs/executors/local/render.js';
import { EXIT } from '../../src/cli/errors.js';
import { COMMANDS } from '../../src/cli/registry.js';
import { FRESH_LADDER, judgeAttempt } from '../../src/domain/attempts.js';
import { Decision } from '../../src/domain/decision.js';
import { jobKey } from '../../src/domain/ids.js';
import { JobProgress } from '../../src/domain/job.js';
import { RELEASE_MODEL, SWEEP_JOBS } from '../../src/domain/names.js';
import { reduce } from '../../src/domain/run-events.js';
import { initialState } from '../../src/domain/run-state.js';
import { JobPlan } from '../../src/domain/sections.js';
import { RELEASE_STAGES } from '../../src/domain/stage.js';
import { statusOf } from '../../src/domain/status.js';
import { SEARCH_ATTRIBUTES } from '../../src/domain/views.js';
import { parseProgressLine } from '../../src/engines/jobs/progress-reader.js';
import { approveSignal, decideUpdate, rejectSignal, stateQuery } from '../../src/workflows/messages.js';
import { call } from '../cli/call.js';
import { approvalGate, at } from '../domain/kit.js';
import { ROOT } from '../support/sources.js';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const PAGE = read('docs/contract.md');

/** The text below a heading, up to the next heading. */
function section(title: string, page = PAGE): string {
  const from = page.search(new RegExp(`^#+ ${title.replace(/[`()]/g, '\\$&')}$`, 'm'));
  if (from < 0) throw new Error(`the page has no section ${title}`);
  const [, ...lines] = page.slice(from).split('\n');
  const end = lines.findIndex((line) => /^#+ /.test(line));
  return lines.slice(0, end < 0 ? undefined : end).join('\n');
}

/** The rows of a text's tables as cells, without their heads. A `\|` is part of its cell. */
const rowsOf = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line, i, lines) => line.startsWith('| ') && !line.startsWith('| ---') && lines[i + 1]?.startsWith('| ---') !== true)
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll('\\|', '|')));

const isLater = (cell: string): boolean => cell.includes('(later)');
const codesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');
/** What the first column names, without what is not built yet. */
const namesIn = (title: string): string[] => rowsOf(section(title)).flatMap(([cell = '']) => (isLater(cell) ? [] : codesIn(cell)));

describe('the commands of the contract', () => {
  const rows = rowsOf(section('Commands')).map(([cell = '']) => ({ call: codesIn(cell)[0] ?? '', later: isLater(cell) }));
  const nameOf = (typed: string): string | undefined => COMMANDS.map(({ name }) => name).find((name) => `${typed} `.startsWith(`ferry ${name} `));

  it('are those of the registry, every one', () => {
    const built = rows.filter(({ later }) => !later);
    expect(built.filter(({ call: typed }) => nameOf(typed) === undefined)).toEqual([]);
    expect(built.map(({ call: typed }) => nameOf(typed) ?? '').sort()).toEqual(COMMANDS.map(({ name }) => name).sort());
  });

  it('are marked as later as long as they are not there, and no longer', () => {
    expect(rows.filter(({ call: typed, later }) => later && nameOf(typed) !== undefined)).toEqual([]);
  });

  it.each(rows.filter(({ later }) => !later))('$call takes each option that the page gives it', async ({ call: typed }) => {
    const entry = COMMANDS.find(({ name }) => name === nameOf(typed));
    const command = new Command();
    (await entry?.load())?.configure(command);
    const flags = command.options.flatMap(({ short, long }) => [short, long]);
    const shown = [...typed.matchAll(/(?<=[ [])--?[a-z][a-z-]*/g)].map(([flag]) => flag);
    expect(shown.filter((flag) => !flags.includes(flag))).toEqual([]);
    // And the other way round: whoever adds an option says so on the page. `-f` and `-n` stand there by their short names.
    const unsaid = flags.filter((flag) => flag?.startsWith('--') === true && !shown.includes(flag) && !['--follow', '--lines'].includes(flag));
    expect(unsaid).toEqual([]);
    const must = command.options.filter(({ mandatory }) => mandatory).map(({ long }) => long);
    for (const flag of must) expect(typed).not.toContain(`[${flag}`);
  });
});

describe('the exit codes of the contract', () => {
  it('are those that the command uses', () => {
    const codes = rowsOf(section('Exit codes')).map(([code]) => Number(code));
    expect(codes).toEqual([...Object.values(EXIT), 130, 143]);
    for (const file of ['src/cli/index.ts', 'src/cli/dev/end-signals.ts']) expect(read(file)).toMatch(/EXIT_BY_SIGNAL = \{ SIGINT: 130, SIGTERM: 143/);
  });

  it('of jobs are done, again, and ask', () => {
    const plan = JobPlan.parse({ command: ['x'] });
    const verdict = (exitCode: number): string =>
      judgeAttempt(plan, 1, FRESH_LADDER, { state: 'exited', exit: { exitCode, signal: null, startedAt: at(0), endedAt: at(1), outputs: {} }, starts: 1, lastLines: [], lineCount: 0 }).verdict;
    expect([0, 75, 78, 1].map(verdict)).toEqual(['done', 'again', 'ask', 'again']);
  });
});

it('an error has the form of the contract', async () => {
  const { code, out } = await call(['plan', 'not-there.yaml', '--json']);
  expect(code).toBe(2);
  const shape = codesIn(section('Errors')).find((text) => text.startsWith('{"error"')) ?? '';
  const { error } = JSON.parse(out) as { error: { problems: object[] } };
  for (const name of Object.keys(error)) expect(shape).toContain(`"${name}"`);
  expect(Object.keys(error)).toEqual(['code', 'message', 'hint', 'problems']);
  for (const name of error.problems.flatMap(Object.keys)) expect(['path', 'found', 'expected', 'suggestion']).toContain(name);
});

describe('the status of the contract', () => {
  const gate = approvalGate({ evidence: ['model: m'] });
  const started = initialState({ run: 'r', runUid: 'u-12345678', model: 'm', version: '1', specDigest: 'd', requestedBy: 'eve', startedAt: at(0), order: ['train', 'approve'], resumedFrom: undefined });
  const key = jobKey({ runUid: 'u-12345678', stage: 'train', round: 1, attempt: 1 });
  const placed = reduce(started, { type: 'job_placed', at: at(1), stage: 'train', key, attempt: 1, backend: 'cpu', simulated: false, executor: 'local', queue: 'q' });
  const waiting = reduce(placed, { type: 'gate_opened', at: at(2), gate });
  const status = statusOf(waiting, { heartbeats: [], terminated: false, ui: null });

  it.each([
    ['Status', status],
    ['Each of `stages`', status.stages[0]],
    ['Each of `waitingOn`', status.waitingOn[0]],
    ['Each of `jobs`', status.jobs[0]],
  ])('has under %s the fields that a status is made of, none more and none less', (title, value) => {
    expect(value).toBeDefined();
    expect(namesOfFields(title).sort()).toEqual(Object.keys(value ?? {}).sort());
  });

  it('names its schema, and the progress of a job as it is', () => {
    expect(section('Status')).toContain(`\`${status.schema}\``);
    const progress = rowsOf(section('Each of `jobs`')).find(([cell]) => cell === '`progress`')?.[1] ?? '';
    expect(/\{(.+)\}/.exec(progress)?.[1]?.split(',').sort()).toEqual(Object.keys(JobProgress.shape).sort());
  });

  it('tells of a wait its kind, its gate, how far names can be trusted and what to type', () => {
    expect(status.waitingOn[0]).toMatchObject({ kind: 'approval', gate: 'approve', identity: 'asserted', commands: { ferry: expect.any(String) as unknown, temporal: expect.any(String) as unknown } });
  });

  function namesOfFields(title: string): string[] {
    return rowsOf(section(title)).flatMap(([cell = '']) => codesIn(cell));
  }
});

describe('the wire names of the contract', () => {
  it('are those of the messages', () => {
    // The section's first table; the fields of a decision follow in a second one.
    const [first = ''] = section('Wire names').split('A **decision**');
    const rows = rowsOf(first).map(([kind, name]) => `${kind} ${codesIn(name ?? '')[0]}`);
    expect(rows).toEqual([`workflow ${RELEASE_MODEL}`, `workflow ${SWEEP_JOBS}`, `update ${decideUpdate.name}`, `signal ${approveSignal.name}`, `signal ${rejectSignal.name}`, `query ${stateQuery.name}`]);
  });

  it('are those of a decision, and of its answers', () => {
    const [, second = ''] = section('Wire names').split('A **decision**');
    const [fields = '', codes = ''] = second.split('Its `code`');
    expect(rowsOf(fields).flatMap(([cell = '']) => codesIn(cell))).toEqual(Object.keys(Decision.shape));
    const declared = /export type DecisionCode =([^;]+);/.exec(read('src/domain/gate.ts'))?.[1] ?? '';
    expect(codesIn(codes)).toEqual([...declared.matchAll(/'(\w+)'/g)].map(([, code]) => code));
  });

  it('are those of the search attributes', () => {
    const rows = rowsOf(section('Search attributes')).map(([name = '', type = '']) => [codesIn(name)[0], type]);
    expect(Object.fromEntries(rows)).toEqual(SEARCH_ATTRIBUTES);
  });
});

describe('what a job gets by the contract', () => {
  const id = { runUid: 'u-12345678', stage: 'train', round: 1, attempt: 1 };
  const ref = { kind: 'dataset', uri: 'store://x', digest: `sha256:${'0'.repeat(64)}`, bytes: 1 };
  const request = { ...id, key: jobKey(id), run: 'r', backend: 'cpu', simulated: false, executor: 'local', command: ['x'], env: {}, params: {}, inputs: { dataset: ref }, outputs: {}, graceMs: 1000, keepCheckpoints: 1 } as const;
  const { plan } = renderLocalJob({ ...request, command: ['x'], servers: { reference: { url: 'http://127.0.0.1:1', backend: 'nvidia' } } }, { executorId: 'local', jobsRoot: '/j', storeRoot: '/s', wrapperPath: '/w', nodePath: '/n' });
  // Known only when a job is submitted, so the wrapper adds it.
  const added = [...read('src/engines/jobs/program.ts').matchAll(/\b(FERRY_[A-Z_]+): (?:record|String)\b/g)].map(([, name = '']) => name);
  const given = [...Object.keys(plan.env), ...added].map((name) => name.replace(/^FERRY_INPUT_.*/, 'FERRY_INPUT_<NAME>').replace(/^FERRY_(URL|BACKEND)_.*/, 'FERRY_$1_<SERVER>'));

  it('are the variables of the page, on the page of the job contract too', () => {
    expect(namesIn("A job's environment").sort()).toEqual(given.sort());
    const there = rowsOf(section('What the program finds', read('docs/job-contract.md'))).flatMap(([cell = '']) => codesIn(cell)).filter((name) => name.startsWith('FERRY_'));
    expect(there.sort()).toEqual(given.sort());
  });

  it('can say each line of progress that the page shows', () => {
    const lines = /```jsonl\n([\s\S]+?)```/.exec(PAGE)?.[1]?.trim().split('\n') ?? [];
    expect(lines.map((line) => Object.keys(parseProgressLine(line) ?? {}))).toEqual([['step', 'total', 'metrics'], ['phase'], ['checkpoint'], ['readyUrl'], ['verdict']]);
    expect(parseProgressLine(lines[2] ?? '')?.checkpoint).toEqual({ step: 1, path: 'step-1', format: 'hf' });
  });

  it('are the inputs and outputs of its stage', () => {
    const rows = rowsOf(section('What the program finds', read('docs/job-contract.md'))).filter(([cell = '']) => codesIn(cell)[0]?.startsWith('FERRY_') === false);
    expect(rows.length).toBeGreaterThan(5);
    for (const [stage = '', inputs = '', outputs = ''] of rows) {
      const wiring = RELEASE_STAGES[codesIn(stage)[0] as keyof typeof RELEASE_STAGES];
      expect([codesIn(inputs), codesIn(outputs)], stage).toEqual([Object.keys(wiring.consumes), Object.keys(wiring.produces)]);
    }
  });
});
