import type { Command } from 'commander';
import * as z from 'zod';
import { nearest } from '../../domain/problems.js';
import { JOB_EXIT, runJobProgram } from '../../jobs/job-context.js';
import { JOBS } from '../../jobs/registry.js';
import type { CliContext } from '../context.js';
import { UsageError } from '../errors.js';
import { argument, argumentOf, parseOptions } from '../options.js';

export function configure(command: Command): void {
  command
    .description('run one of modelferry\'s own programs as the body of a job; a spec names it as a command')
    .addArgument(argumentOf('<name>', 'the program', JOBS.map(({ name }) => name)))
    .addHelpText(
      'after',
      `
Programs:
${JOBS.map(({ name, summary }) => `  ${name.padEnd(20)} ${summary}`).join('\n')}

It reads the job's environment (docs/job-contract.md) and exits as the job contract says: 0 done, 75 try again,
78 wrong configuration.

Examples:
  In a spec:
    prepareData:
      job: { command: [ferry, job, prepare-text] }`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  parseOptions(z.object({}), options, 'job');
  const name = argument(args);
  const entry = JOBS.find((job) => job.name === name);
  if (entry === undefined) {
    // In a job a name that is not known is a wrong configuration: no second try can help.
    if (context.env['FERRY_JOB_KEY'] !== undefined) {
      context.stderr.write(`ferry has no job program ${JSON.stringify(name.slice(0, 60))}; it has ${JOBS.map((job) => job.name).join(', ')}\n`);
      return JOB_EXIT.configuration;
    }
    const meant = nearest(name, JOBS.map((job) => job.name));
    throw new UsageError(`There is no job program ${JSON.stringify(name.slice(0, 60))}`, `${meant === undefined ? '' : `Did you mean ${meant}? `}See all of them with: ferry job --help`);
  }
  const { run: program } = await entry.load();
  return await runJobProgram(program, { env: context.env, log: (message) => void context.stderr.write(`${message}\n`), signal: context.signal });
}
