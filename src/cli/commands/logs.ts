import type { Command } from 'commander';
import * as z from 'zod';
import { describeRun } from '../../client/describe.js';
import type { JobView, RunStatusView } from '../../domain/status.js';
import { SERVER_NAMES } from '../../domain/stage.js';
import { shellQuote } from '../../domain/text.js';
import { jobLabel } from '../../domain/views.js';
import { hostIdentity } from '../../engines/jobs/process-identity.js';
import type { CliContext } from '../context.js';
import { EXIT, UsageError } from '../errors.js';
import { LogReader, cleanLine, offsetOfLast } from '../log-reader.js';
import { argument, count, optionOf, parseOptions } from '../options.js';
import { pause, printJson } from '../output.js';
import { withServer, type Server } from '../server.js';

/** A JSON document is held in memory whole; more lines than this are cut at the beginning, and it says so. */
const MAX_JSON_LINES = 10_000;
const READ_EVERY_MS = 250;
const LOOK_EVERY_MS = 1000;

const Options = z.object({
  follow: z.boolean().default(false),
  stage: z.string().optional(),
  attempt: count('the number of an attempt, from 1', 100_000).optional(),
  server: z.string().optional(),
  lines: count('a number from 1 to 1000000', 1_000_000).optional(),
});
type LogOptions = z.infer<typeof Options>;

export function configure(command: Command): void {
  command
    .description('show the log of a job: the newest one, or that of a stage and attempt')
    .argument('<run>', 'id of the run')
    .option('-f, --follow', 'go on until the run ends, over further attempts')
    .option('--stage <stage>', 'only jobs of this stage')
    .option('--attempt <n>', 'only this attempt')
    .addOption(optionOf('--server <name>', 'the log of a server beside the stage\'s job', SERVER_NAMES))
    .option('-n, --lines <n>', 'begin with the last n lines (default: all)')
    .addHelpText(
      'after',
      `
A log lies on the host that the job ran on; from another one this says which. Control characters are taken out.

Examples:
  $ ferry logs tiny-v1 -f
  $ ferry logs tiny-v1 --stage train --attempt 2 -n 100
  $ ferry logs tiny-v1 --server candidate
  $ ferry logs tiny-v1 -f --json | jq -r .line`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  const parsed = parseOptions(Options, options, 'logs');
  return await withServer(context, async (server) => {
    const id = argument(args);
    return parsed.follow ? await followLogs(context, server, id, parsed) : await showLog(context, await describeRun({ client: server.client, run: id }), parsed);
  });
}

/** The newest job that matches; undefined when there is none. */
function pick(view: RunStatusView, { stage, attempt, server }: LogOptions): JobView | undefined {
  return view.jobs.findLast((job) => (stage === undefined || job.stage === stage) && (attempt === undefined || job.attempt === attempt) && job.server === (server ?? null));
}

const heading = ({ round, attempt, ...job }: JobView): string => `— ${jobLabel(job)}, ${round > 1 ? `round ${round}, ` : ''}attempt ${attempt} —\n`;

/** @throws UsageError where the log cannot be read from here. */
function pathOf(job: JobView): string {
  if (job.logPath === null || job.handle === null) throw new UsageError(`${job.key} has not begun: it has no log yet`, 'Wait for it with: ferry logs RUN -f', [], 'no_log');
  if (job.host !== null && job.host !== hostIdentity().host)
    throw new UsageError(`The log of ${job.key} lies on the host ${job.host}, at ${job.logPath}`, `Read it there, for example: ssh ${shellQuote(job.host)} tail -f ${shellQuote(job.logPath)}`, [], 'log_elsewhere');
  return job.logPath;
}

export async function showLog(context: Pick<CliContext, 'stdout' | 'stderr' | 'json' | 'color'>, view: RunStatusView, options: LogOptions): Promise<number> {
  const job = pick(view, options);
  if (job === undefined) {
    const known = view.jobs.map((one) => `${jobLabel(one)} attempt ${one.attempt}`);
    throw new UsageError(`${view.run} has no such job`, known.length === 0 ? `No job has begun; see: ferry status ${shellQuote(view.run)}` : `It has: ${known.join(', ')}`, [], 'no_log');
  }
  const path = pathOf(job);
  context.stderr.write(heading(job));
  const wanted = options.lines ?? (context.json ? MAX_JSON_LINES : undefined);
  const offset = wanted === undefined ? 0 : await offsetOfLast(path, wanted);
  const reader = new LogReader(path, { offset });
  const lines: string[] = [];
  const onLine = (line: string): void => {
    if (context.json) lines.push(cleanLine(line, false));
    else context.stdout.write(`${cleanLine(line, context.color)}\n`);
  };
  await reader.read(onLine);
  reader.flush(onLine);
  if (context.json) printJson(context, { key: job.key, stage: job.stage, round: job.round, attempt: job.attempt, host: job.host, logPath: path, lines, truncated: offset > 0 });
  return EXIT.done;
}

async function followLogs(context: CliContext, { client }: Server, run: string, options: LogOptions): Promise<number> {
  let current: { job: JobView; reader: LogReader } | undefined;
  const onLine = (line: string): void => {
    if (current === undefined) return;
    const { key, stage, attempt } = current.job;
    if (context.json) printJson(context, { key, stage, attempt, line: cleanLine(line, false) });
    else context.stdout.write(`${cleanLine(line, context.color)}\n`);
  };
  for (;;) {
    const view = await describeRun({ client, run });
    const job = pick(view, options);
    if (job !== undefined && job.handle !== null && job.key !== current?.job.key) {
      await current?.reader.read(onLine);
      current?.reader.flush(onLine);
      const path = pathOf(job);
      const offset = options.lines === undefined || current !== undefined ? 0 : await offsetOfLast(path, options.lines);
      current = { job, reader: new LogReader(path, { offset }) };
      context.stderr.write(heading(job));
    }
    const until = Date.now() + LOOK_EVERY_MS;
    do {
      await current?.reader.read(onLine);
      if (view.endedAt !== null || context.signal.aborted) {
        current?.reader.flush(onLine);
        return EXIT.done;
      }
      await pause(READ_EVERY_MS, context.signal);
    } while (Date.now() < until);
  }
}
