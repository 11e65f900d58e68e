import type { Command } from 'commander';
import * as z from 'zod';
import type { CliContext } from '../context.js';
import { answerLines, decideAndReport } from '../decision.js';
import { argument, parseOptions } from '../options.js';
import { printJson, printLines } from '../output.js';

/** Options of the commands that decide at an approval gate. */
export const ApprovalOptions = z.object({
  gate: z.string().optional(),
  as: z.string().min(1).optional(),
  role: z.string().min(1).optional(),
  reason: z.string().min(1, 'a reason: it stands in the log for good').max(2000, 'a reason of at most 2000 characters'),
  to: z.string().min(1).optional(),
  yes: z.boolean().default(false),
  durable: z.boolean().default(false),
});

export function configureDecision(command: Command): Command {
  return command
    .argument('<run>', 'id of the run')
    .requiredOption('--reason <text>', 'why; it stands in the log for good')
    .option('--gate <gate>', 'id of the gate (default: the approval that is open)')
    .option('--as <name>', 'who decides (default: FERRY_USER, then the user of this machine)')
    .option('--role <role>', 'in which role, for somebody in several')
    .option('--yes', 'do not ask for confirmation')
    .option('--durable', 'leave it at the server as a signal when no worker answers');
}

export function configure(command: Command): void {
  configureDecision(command)
    .description('approve a release at its gate')
    .addHelpText(
      'after',
      `
The decision is bound to the digests that the run shows. The name is asserted, not verified, and shown as such.
Exits 1 when the decision is refused; 4 when no worker answers within 10 s, and then nothing was recorded.

Examples:
  $ ferry approve tiny-v1 --as ada --reason "figures checked"
  $ ferry approve tiny-v1 --as ada --role release-manager --reason ok --yes --json`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  return await approveOrReject('approve', context, argument(args), options);
}

export async function approveOrReject(verdict: 'approve' | 'reject', context: CliContext, run: string, options: unknown): Promise<number> {
  const { gate, as, role, reason, to, yes, durable } = parseOptions(ApprovalOptions, options, verdict);
  const report = await decideAndReport(context, { run, kinds: ['approval'], gate, decision: { verdict, reason, role, to }, as, yes, durable });
  if (context.json) printJson(context, { run, gate: report.gate, ...report.answer });
  else printLines(context, answerLines(report, run));
  return report.exitCode;
}
