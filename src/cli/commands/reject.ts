import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { argument } from '../options.js';
import { approveOrReject, configureDecision } from './approve.js';

export function configure(command: Command): void {
  configureDecision(command)
    .description('reject a release at its gate, or send the run back to a stage')
    .option('--to <stage>', 'redo everything from this stage on; earlier approvals are void')
    .addHelpText(
      'after',
      `
Without --to the run ends as rejected. The name is asserted, not verified, and shown as such.
Exits 1 when the decision is refused; 4 when no worker answers within 10 s, and then nothing was recorded.

Examples:
  $ ferry reject tiny-v1 --as ada --reason "worse than the rival on long prompts"
  $ ferry reject tiny-v1 --as ada --reason "scales look wrong" --to convert --yes`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  return await approveOrReject('reject', context, argument(args), options);
}
