import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import { jobsOfRun, sweep } from '../../client/jobs.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { pageWidth, printJson, printLines } from '../output.js';
import { jobRows, listingRow } from '../render/jobs.js';
import { truncate } from '../render/layout.js';
import { renderSweepTrouble } from '../render/sweep.js';
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
    const listed = id === undefined ? await listAll(context, client) : (await jobsOfRun({ client, run: id })).map((job) => ({ run: id, ...job }));
    if (context.json) printJson(context, listed);
    else printLines(context, listed.length === 0 ? ['No job.'] : jobRows(listed).map((line) => truncate(line, pageWidth(context))));
    return EXIT.done;
  });
}

/** A job in a directory that can't be read is missing from the list, so it is told. */
async function listAll(context: CliContext, client: Client): Promise<ReturnType<typeof listingRow>[]> {
  const swept = await sweep({ client, dryRun: true, listOnly: true });
  for (const line of renderSweepTrouble(swept)) context.stderr.write(`${line}\n`);
  return swept.jobs.map(listingRow);
}
