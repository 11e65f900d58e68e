import type { Command } from 'commander';
import * as z from 'zod';
import { resumeRun } from '../../client/resume.js';
import { shellQuote } from '../../domain/text.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { argument, collect, currentUser, parseOptions, parsePairs } from '../options.js';
import { printJson, printLines } from '../output.js';
import { ownPipelines } from '../pipelines.js';
import { withServer } from '../server.js';

const Options = z.object({ from: z.string().min(1), set: z.array(z.string()), id: z.string().optional() });

export function configure(command: Command): void {
  command
    .description('start a linked run that takes over by digest what an earlier run made before a stage')
    .argument('<run>', 'id of the earlier run')
    .requiredOption('--from <stage>', 'the first stage that is done anew')
    .option('--set <name=value>', 'change a declared parameter; may be repeated', collect, [])
    .option('--id <id>', 'id of the new run (default: RUN-r1, or the next number that is free)')
    .addHelpText(
      'after',
      `
A stage is taken over when its command, parameters, inputs and code are the same; the new run says for each why it was
or wasn't. Approvals are void. A value is JSON where it is valid JSON, else the text.

Examples:
  $ ferry resume tiny-v1 --from convert
  $ ferry resume tiny-v1 --from train --set learningRate=0.0003
  $ ferry resume tiny-v1 --from convert --set stages.convert.params.dtype=bf16 --id tiny-v1-bf16`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  const { from, set, id } = parseOptions(Options, options, 'resume');
  const changes = parsePairs(set, '--set');
  return await withServer(context, async ({ client, ui }) => {
    const resumed = await resumeRun({ client, run: argument(args), from, own: () => ownPipelines(context), set: changes, id, requestedBy: currentUser(context), ui });
    const earlier = resumed.resumedFrom.run;
    if (resumed.earlierState === 'running') context.stderr.write(`${earlier} is still running: two runs of one release are alive now; end it with: ferry cancel ${shellQuote(earlier)}\n`);
    if (context.json) printJson(context, resumed);
    else {
      const offered = resumed.offered.length === 0 ? 'nothing was done before that stage' : `offers it ${resumed.offered.join(', ')}`;
      printLines(context, [`run ${resumed.run} takes over from ${earlier} and begins at ${from}; ${offered}`, ...(resumed.ui === null ? [] : [resumed.ui]), '', `→ ferry watch ${shellQuote(resumed.run)}`]);
    }
    return EXIT.done;
  });
}
