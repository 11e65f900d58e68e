import type { Command } from 'commander';
import * as z from 'zod';
import { Digest } from '../../domain/canonical.js';
import type { Decision } from '../../domain/decision.js';
import type { CliContext } from '../context.js';
import { answerLines, decideAndReport } from '../decision.js';
import { UsageError } from '../errors.js';
import { argument, collect, parseOptions, parsePairs } from '../options.js';
import { printJson, printLines } from '../output.js';

const Options = z.object({
  gate: z.string().optional(),
  set: z.array(z.string()),
  input: z.string().optional(),
  to: z.string().min(1).optional(),
  stop: z.boolean().default(false),
  as: z.string().min(1).optional(),
  reason: z.string().max(2000, 'a reason of at most 2000 characters').default(''),
  yes: z.boolean().default(false),
});

export function configure(command: Command): void {
  command
    .description('answer the repair gate of a stage that has no automatic choice left')
    .argument('<run>', 'id of the run')
    .option('--set <name=value>', 'try again with a declared parameter changed; may be repeated', collect, [])
    .option('--input <name=digest>', 'try again with another artifact as this input')
    .option('--to <stage>', 'redo from an earlier stage')
    .option('--stop', 'stop the run')
    .option('--gate <gate>', 'id of the gate (default: the repair that is open)')
    .option('--as <name>', 'who decides (default: FERRY_USER, then the user of this machine)')
    .option('--reason <text>', 'why')
    .option('--yes', 'do not ask for confirmation')
    .addHelpText(
      'after',
      `
Without --set, --input, --to or --stop the stage is tried again as it is. What is done already stays done.
A value is JSON where it is valid JSON, else the text.

Examples:
  $ ferry retry tiny-v1 --reason "disk was full, is not any more"
  $ ferry retry tiny-v1 --set batchSize=16
  $ ferry retry tiny-v1 --input checkpoint=sha256:0123…
  $ ferry retry tiny-v1 --to train --reason "the checkpoint is no good"
  $ ferry retry tiny-v1 --stop`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  const id = argument(args);
  const { gate, as, reason, yes, ...choice } = parseOptions(Options, options, 'retry');
  const report = await decideAndReport(context, { run: id, kinds: ['repair'], gate, decision: { reason, ...choiceOf(choice) }, as, yes, durable: false });
  if (context.json) printJson(context, { run: id, gate: report.gate, ...report.answer });
  else printLines(context, answerLines(report, id));
  return report.exitCode;
}

type Choice = Pick<z.infer<typeof Options>, 'set' | 'input' | 'to' | 'stop'>;

/** The gate's choice that the options stand for. @throws UsageError for two at once. */
function choiceOf({ set, input, to, stop }: Choice): Pick<Decision, 'verdict' | 'set' | 'input' | 'to'> {
  const chosen = [...(set.length > 0 ? ['--set'] : []), ...(input === undefined ? [] : ['--input']), ...(to === undefined ? [] : ['--to']), ...(stop ? ['--stop'] : [])];
  if (chosen.length > 1) throw new UsageError(`${chosen.join(' and ')} cannot be chosen at once`, 'Choose one of them; after --to a run can be resumed with --set');
  if (set.length > 0) return { verdict: 'change', set: parsePairs(set, '--set') };
  if (input !== undefined) return { verdict: 'replace_input', input: parseInput(input) };
  if (to !== undefined) return { verdict: 'send_back', to };
  return { verdict: stop ? 'stop' : 'retry' };
}

function parseInput(pair: string): NonNullable<Decision['input']> {
  const [, name = '', artifact] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
  const digest = Digest.safeParse(artifact);
  if (!digest.success) throw new UsageError(`--input ${pair} is not NAME=DIGEST`, 'Take the artifact in and see its digest with: ferry artifact add PATH --kind KIND');
  return { name, artifact: digest.data };
}
