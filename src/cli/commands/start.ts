import type { Command } from 'commander';
import * as z from 'zod';
import { readEarlier, reusableOf } from '../../client/earlier-run.js';
import { startRun } from '../../client/start.js';
import { loadSpec } from '../../engines/config/load-spec.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { exitCodeOf, follow } from '../follow.js';
import { argument, currentUser, parseOptions } from '../options.js';
import { printJson, printLines } from '../output.js';
import { ownPipelines } from '../pipelines.js';
import { ChangeTeller } from '../render/changes.js';
import { versionProblem } from '../release.js';
import { withServer } from '../server.js';
import { openSpecStore } from '../site.js';

const Options = z.object({ id: z.string().optional(), reuse: z.string().min(1).optional(), wait: z.boolean().default(false), site: z.string().optional() });

export function configure(command: Command): void {
  command
    .description('start a run of a spec; the same id with the same spec again starts nothing and gives the same answer')
    .argument('<spec>', 'run spec, YAML or JSON')
    .option('--id <id>', 'id of the run (default: made of model, version and a random end)')
    .option('--reuse <run>', 'take over from this earlier run what is unchanged: same command, parameters, inputs and code')
    .option('--wait', 'follow the run until it ends or a person is needed')
    .addHelpText(
      'after',
      `
Code and inputs that the spec names by path are packed into the store; likely secrets (.env, *.pem, id_*), .git and
node_modules are left out of code and told on stderr.
With --reuse the run says of each stage whether it took it over and why; ferry plan says it beforehand. Approvals are void.
With --wait the exit code is 0 for a completed run, 1 for one that failed, was rejected or cancelled, 3 where it waits
for a person.

Examples:
  $ ferry start run.yaml
  $ ferry start run.yaml --id tiny-v1 --json
  $ ferry start changed.yaml --reuse tiny-v1
  $ ferry start run.yaml --wait || ferry status tiny-v1`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  const { id, reuse, wait } = parseOptions(Options, options, 'start');
  const { spec, pipeline, input, dir } = await loadSpec({ file: argument(args), cwd: context.cwd, own: () => ownPipelines(context) });
  const taken = await versionProblem(context, spec);
  return await withServer(context, async ({ client, ui }) => {
    let word = 'is started';
    // Only told: the worker's own site says where it publishes.
    let warning = taken === undefined ? '' : `warning: the version is ${taken.found}: this run will stop at publish${taken.suggestion === undefined ? '' : ` (${taken.suggestion})`}\n`;
    const onExisting = (): void => {
      word = 'exists already, with the same spec; nothing was started';
      warning = '';
    };
    const resume = reuse === undefined ? undefined : reusableOf(await readEarlier({ client, run: reuse, own: () => ownPipelines(context) }), pipeline);
    const started = await startRun({ client, spec: input, resume, pipelines: { [pipeline.name]: pipeline }, id, requestedBy: currentUser(context), openStore: () => openSpecStore(context, dir), ui, onExisting });
    if (warning !== '') context.stderr.write(warning);
    const text = [`run ${started.run} ${word} (spec ${started.specDigest.slice(0, 19)})`, ...(started.ui === null ? [] : [started.ui])];
    if (!wait) {
      if (context.json) printJson(context, started);
      else printLines(context, [...text, '', `→ ferry watch ${started.run}`]);
      return EXIT.done;
    }
    const teller = new ChangeTeller();
    // With JSON the one document on stdout is the outcome, so what happens meanwhile is told on stderr.
    const out = context.json ? context.stderr : context.stdout;
    out.write(`${text.join('\n')}\n`);
    const last = await follow({
      context,
      client,
      run: started.run,
      ui,
      onView: (view) => {
        for (const line of teller.tell(view, Date.now())) out.write(`${line}\n`);
        return view.waitingOn.length > 0;
      },
    });
    if (context.json) printJson(context, { ...started, state: last.state, waitingOn: last.waitingOn, failure: last.failure, release: last.release, endedAt: last.endedAt });
    return exitCodeOf(last.state);
  });
}
