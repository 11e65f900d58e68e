import type { Command } from 'commander';
import { relative, resolve, sep } from 'node:path';
import * as z from 'zod';
import { nearest } from '../../domain/problems.js';
import { shellQuote } from '../../domain/text.js';
import { packageRoot, packageVersion } from '../../engines/package-files.js';
import { planProject, writeProject, type ProjectPlan } from '../../engines/project/project.js';
import { TEMPLATE_NAMES, type TemplateName } from '../../engines/project/templates.js';
import type { CliContext } from '../context.js';
import { EXIT, UsageError } from '../errors.js';
import { optionOf, parseOptions } from '../options.js';
import { printJson, printLines } from '../output.js';

const Options = z.object({ template: z.string().default('custom') });

export function configure(command: Command): void {
  command
    .description('make a project that runs, tests and type-checks at once')
    .argument('[dir]', 'its folder, which may have files already (default: the current one)')
    .addOption(optionOf('--template <name>', 'custom: a pipeline of your own, in TypeScript; release: a spec of the built-in releaseModel (default: custom)', TEMPLATE_NAMES))
    .addHelpText(
      'after',
      `
Nothing is overwritten. A package.json keeps every key that it has and gets what is missing, a .gitignore too; where another
file has other content, all such files are named, nothing is written and the exit code is 2. The same call again finishes
what was interrupted. The project's test rehearses its runs with skipped time, and replays recorded ones with the code of the day.

Examples:
  $ ferry init my-pipeline
  $ ferry init my-release --template release
  $ npm install ./modelferry.tgz && npx ferry init    # here, with the package that is installed`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  const template = templateOf(parseOptions(Options, options, 'init').template);
  const dir = resolve(context.cwd, args[0] ?? '.');
  const plan = attempt(dir, () => planProject({ dir, template }));
  if (plan.problems.length > 0) throw new UsageError(`No project was made in ${dir}: what is there would have to change`, `Nothing was written. Name another folder: ferry init DIR --template ${template}`, plan.problems, 'project_conflict');
  attempt(dir, () => writeProject(plan));
  const next = nextCommands(plan, context);
  const files = plan.files.map(({ path, state }) => ({ path, state }));
  if (context.json) printJson(context, { dir, template, files, changes: plan.changes, kept: plan.kept, next: next.map(({ command }) => command) });
  else printLines(context, text({ ...plan, template, next }));
  return EXIT.done;
}

function templateOf(name: string): TemplateName {
  const found = TEMPLATE_NAMES.find((known) => known === name);
  if (found !== undefined) return found;
  const meant = nearest(name, TEMPLATE_NAMES);
  throw new UsageError(`There is no template ${JSON.stringify(name.slice(0, 60))}`, `${meant === undefined ? '' : `Did you mean ${meant}? `}Name one of these: ferry init --template ${TEMPLATE_NAMES.join(', ferry init --template ')}`);
}

/** A folder that can't be read or written is the caller's to choose otherwise; what was written stays, and the same call goes on. */
function attempt<T>(dir: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'path' in error)) throw error;
    throw new UsageError(`The project could not be made in ${dir} (${error.message})`, 'Put that right and repeat the command, or name another folder: ferry init DIR', [], 'not_written');
  }
}

interface Next {
  command: string;
  remark?: string;
}

function nextCommands({ dir, modelferry }: Pick<ProjectPlan, 'dir' | 'modelferry'>, { cwd }: Pick<CliContext, 'cwd'>): Next[] {
  const root = packageRoot();
  const there = relative(cwd, dir);
  const isOurs = modelferry === undefined || modelferry === `^${packageVersion()}`;
  // Out of a checkout the project gets this very package: its version need not be in any registry.
  const fromCheckout = isOurs && !root.split(sep).includes('node_modules');
  return [
    ...(there === '' ? [] : [{ command: `cd ${shellQuote(there)}` }]),
    { command: fromCheckout ? `npm install ${shellQuote(root)}` : 'npm install' },
    { command: 'npm test', remark: 'types, and runs of months in seconds' },
    { command: 'npm run dev', remark: 'a Temporal server, its Web UI and a worker, until Ctrl-C' },
    { command: 'npx ferry start run.yaml --id first --wait', remark: 'in another terminal; it stops at the approval and says what to type' },
  ];
}

function text({ dir, template, files, changes, kept, next }: ProjectPlan & { template: string; next: readonly Next[] }): string[] {
  const width = Math.max(...next.map(({ command }) => command.length));
  return [
    `${dir}: a project of the template ${template}`,
    ...files.map(({ path, state }) => `  ${state.padEnd(9)}  ${path}`),
    ...(changes.length === 0 ? [] : ['', 'Added', ...changes.map((line) => `  ${line}`)]),
    ...(kept.length === 0 ? [] : ['', 'Kept as it was', ...kept.map((line) => `  ${line}`)]),
    '',
    'Next',
    ...next.map(({ command, remark }) => (remark === undefined ? `  ${command}` : `  ${command.padEnd(width)}   # ${remark}`)),
  ];
}
