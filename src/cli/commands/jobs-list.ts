import type { Command } from 'commander';
import { jobsOfRun, sweep } from '../../client/jobs.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { pageWidth, printJson, printLines } from '../output.js';
import { jobRows, listingRow } from '../render/jobs.js';
import { truncate } from '../render/layout.js';
import { withServer } from '../server.js';

export function configure(command: Command): void {
  command
    .description('list the jobs of a run, or all that the executors of the worker know')
    .argument('[run]', 'id of the run')
    .addHelpText(
      'after',
      `
"starts" counts the start records that the job's own wrapper wrote. Without RUN a worker looks at its executors.

Examples:
  $ ferry jobs list
  $ ferry jobs list tiny-v1 --json`,
    );
}

export async function run(context: CliContext, [id]: string[]): Promise<number> {
  return await withServer(context, async ({ client }) => {
    const jobs = id === undefined ? (await sweep({ client, dryRun: true, listOnly: true })).jobs.map(listingRow) : (await jobsOfRun({ client, run: id })).map((job) => ({ run: id, ...job }));
    if (context.json) printJson(context, jobs);
    else printLines(context, jobs.length === 0 ? ['No job.'] : jobRows(jobs).map((line) => truncate(line, pageWidth(context))));
    return EXIT.done;
  });
}
