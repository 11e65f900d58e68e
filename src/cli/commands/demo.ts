import type { Command } from 'commander';
import { mkdir } from 'node:fs/promises';
import * as z from 'zod';
import { ClientError, EXIT_USAGE } from '../../client/errors.js';
import { readDevFile } from '../../client/home.js';
import { describeRun } from '../../client/describe.js';
import { listRuns } from '../../client/list.js';
import { startRun, type StartedRun } from '../../client/start.js';
import type { RunStatusView } from '../../domain/status.js';
import { shellQuote } from '../../domain/text.js';
import { loadSpec, type LoadedSpec } from '../../engines/config/load-spec.js';
import { isAlive } from '../../engines/jobs/process-identity.js';
import { packageFile } from '../../engines/package-files.js';
import type { CliContext } from '../context.js';
import { answerLines, decideAndReport, type DecisionReport } from '../decision.js';
import { prepareDevSite } from '../dev/dev-site.js';
import { EndSignals } from '../dev/end-signals.js';
import { startDev, type RunningDev } from '../dev/run-dev.js';
import { withExitCode } from '../dev/start-errors.js';
import { exitCodeOf, follow } from '../follow.js';
import { liveView } from '../live-view.js';
import { currentUser, parseOptions } from '../options.js';
import { printJson, printLines } from '../output.js';
import { summaryOf, summaryTable } from '../render/summary.js';
import { withServer, type Server } from '../server.js';
import { openSpecStore } from '../site.js';

const EXAMPLE = 'examples/tiny-llama/release.yaml';
const MAX_RUNS_LOOKED_AT = 1000;

const Options = z.object({ approveAs: z.string().min(1).optional() });

export function configure(command: Command): void {
  command
    .description('bring a small real model all the way, from text to an approved release, on this machine')
    .argument('[spec]', `another run spec (default: ${EXAMPLE} of this package)`)
    .option('--approve-as <name>', 'answer the approval gate by itself, by the same way as a person; stop where another gate opens')
    .addHelpText(
      'after',
      `
It starts what ferry dev starts (or uses the ferry dev that runs), starts a run of the example, follows it and tells
at the approval gate who is waited for and what to type. Ctrl-C leaves nothing running; the next ferry demo goes on.
Exits 0 when the release is published, 1 when the run failed or was rejected; with --approve-as 3 where another gate has
opened. Without it the demo waits at any gate, so that it can be answered from another terminal.

Examples:
  $ ferry demo
  $ ferry demo --approve-as demo-manager
  $ FERRY_HOME=/tmp/ferry-demo ferry demo --approve-as demo-manager --json`,
    );
}

/** Ends when the run has ended, or a signal ends it: the run is then taken up by the next call. */
export async function run(outer: CliContext, args: string[], options: unknown): Promise<number> {
  const { approveAs } = parseOptions(Options, options, 'demo');
  const signals = new EndSignals(outer.signal);
  const context: CliContext = { ...outer, signal: signals.first };
  const say = (message: string): void => void context.stderr.write(`${message}\n`);
  const again = context.env['npm_lifecycle_event'] === 'demo' ? 'npm run demo' : 'ferry demo';
  try {
    const loaded = await loadSpec({ file: args[0] ?? packageFile(EXAMPLE), cwd: context.cwd });
    const dev = await startOwnDev(context, say, signals.first);
    try {
      // A server of somebody else's may have other people's demos.
      const prefix = dev === undefined || dev.info.pids.server !== null ? 'demo' : `demo-${currentUser(context).replace(/[^A-Za-z0-9._-]/g, '-')}`;
      const code = await withServer(context, (server) => carryThrough({ context, server, loaded, prefix, approveAs, readyAt: Date.now(), say }));
      return signals.first.aborted ? signals.exitCode : code;
    } finally {
      if (dev !== undefined) {
        say(signals.first.aborted ? 'Ending: jobs save first. Ctrl-C again does not wait for them.' : 'Ending the server and its worker.');
        const remaining = await dev.suspend(signals.second);
        if (signals.first.aborted) say(`${remaining.length === 0 ? 'Nothing is left running. Go on' : 'Go on'} with: ${again}`);
      } else if (signals.first.aborted) say(`The ferry dev goes on, and the run with it; follow it again with: ${again}`);
    }
  } catch (error) {
    if (signals.first.aborted && error === signals.first.reason) return signals.exitCode;
    throw withExitCode(error);
  } finally {
    signals.dispose();
  }
}

/** What `ferry dev` starts; undefined where one runs already, which then stays. */
async function startOwnDev(context: CliContext, say: (message: string) => void, signal: AbortSignal): Promise<RunningDev | undefined> {
  const { home, cwd, env, connection, sitePath } = context;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const running = await readDevFile(home);
  if (running !== undefined && isAlive(running.dev)) {
    say(`Using the ferry dev (pid ${running.dev.pid}) that runs at ${running.address}.`);
    return undefined;
  }
  const site = await prepareDevSite({ sitePath, env, cwd, home });
  return await startDev({ home, cwd, env, connection, port: 0, uiPort: 0, site, say, signal });
}

interface Carry {
  context: CliContext;
  server: Server;
  loaded: LoadedSpec;
  /** Of the ids of its runs: `demo-1`, `demo-2` … */
  prefix: string;
  approveAs: string | undefined;
  /** When the worker was ready, in milliseconds since the epoch. */
  readyAt: number;
  say: (message: string) => void;
}

async function carryThrough(carry: Carry): Promise<number> {
  const { context, server, approveAs, say } = carry;
  const { client, ui } = server;
  context.signal.throwIfAborted();
  const { started, isNew } = await startOrGoOn(carry);
  say(`${isNew ? 'Started' : 'Going on with'} the run ${started.run}${started.ui === null ? '' : `: ${started.ui}`}`);
  const show = liveView(context.json ? { ...context, stdout: context.stderr, isTty: false } : context);
  let approved: string | null | undefined;
  for (;;) {
    const last = await follow({
      context,
      client,
      run: started.run,
      ui,
      onView: (view) => {
        show(view);
        return approveAs !== undefined && view.waitingOn.some((wait) => !isApproval(wait) || wait.since !== approved);
      },
    });
    const gate = last.waitingOn.find(isApproval);
    if (last.endedAt === null && !context.signal.aborted && gate !== undefined && gate.since !== approved && approveAs !== undefined) {
      const code = await approve(context, started.run, approveAs);
      // Of two demos on one run the other was faster: what became of it is told by the next look.
      if (code === 'accepted' || code === 'closed' || code === 'not_open' || code === 'repeated') {
        approved = gate.since;
        continue;
      }
    }
    if (!context.signal.aborted) report(carry, started, last, isNew);
    return exitCodeOf(last.state);
  }
}

const isApproval = ({ kind }: RunStatusView['waitingOn'][number]): boolean => kind === 'approval';

async function approve(context: CliContext, run: string, as: string): Promise<DecisionReport['answer']['code']> {
  // What the command prints for a person belongs to stderr here: stdout is the page, or the one document.
  const report = await decideAndReport({ ...context, canAsk: false }, { run, kinds: ['approval'], decision: { verdict: 'approve', reason: 'approved by ferry demo --approve-as' }, as, yes: true, durable: false });
  context.stderr.write(`${answerLines(report, run).join('\n')}\n`);
  return report.answer.code;
}

/**
 * The run of an earlier call that is still open, or a new one.
 * @throws ClientError `run_exists` where the open one is of another spec: it is neither taken up nor approved by mistake
 */
async function startOrGoOn({ context, server: { client, ui }, loaded: { spec, input, dir }, prefix }: Carry): Promise<{ started: StartedRun; isNew: boolean }> {
  const numberOf = (run: string): number => (run.startsWith(`${prefix}-`) ? Number(/^\d{1,9}$/.exec(run.slice(prefix.length + 1))?.[0] ?? 0) : 0);
  const runs = (await listRuns({ client, limit: MAX_RUNS_LOOKED_AT, ui })).filter(({ run }) => numberOf(run) > 0);
  const open = runs.find(({ endedAt, model }) => endedAt === null && model === spec.model);
  for (let number = open === undefined ? 1 + Math.max(0, ...runs.map(({ run }) => numberOf(run))) : numberOf(open.run); ; number += 1) {
    let isNew = true;
    const started = await startRun({
      client,
      // A version is published once: each run of the demo releases one of its own.
      spec: { ...input, version: number === 1 ? spec.version : `${spec.version}.${number}` },
      id: `${prefix}-${number}`,
      requestedBy: currentUser(context),
      openStore: () => openSpecStore(context, dir),
      ui,
      onExisting: () => (isNew = false),
    }).catch((error: unknown) => {
      throw open !== undefined && error instanceof ClientError && error.code === 'run_exists' ? otherSpec(open.run) : error;
    });
    // Lists are behind the times: a run that has ended meanwhile is not what this call has started.
    if (isNew || (await describeRun({ client, run: started.run, ui })).endedAt === null) return { started, isNew };
  }
}

const otherSpec = (run: string): ClientError =>
  new ClientError({ code: 'run_exists', message: `${run} is open, and it is a run of another spec`, hint: `Bring it to its end with: ferry dev, then: ferry cancel ${run} (or answer its gate)`, exitCode: EXIT_USAGE });

function report({ context, readyAt }: Carry, started: StartedRun, view: RunStatusView, isNew: boolean): void {
  const rows = summaryOf(view);
  const gateAt = view.stages.find(({ name }) => name === 'approve')?.startedAt;
  const gateAfterMs = isNew && gateAt != null ? Date.parse(gateAt) - readyAt : null;
  if (context.json) {
    printJson(context, { run: started.run, runUid: started.runUid, ui: view.ui, state: view.state, release: view.release, gateAfterMs, stages: rows, waitingOn: view.waitingOn, failure: view.failure });
    return;
  }
  const id = shellQuote(started.run);
  printLines(context, [
    '',
    ...summaryTable(rows),
    '',
    ...(gateAfterMs === null ? [] : [`At the approval gate ${(gateAfterMs / 1000).toFixed(1)} s after the worker was ready.`]),
    ...(view.release === null ? [] : [`Released ${view.release.ref}`]),
    ...(view.failure === null ? [] : [`${view.failure.kind}: ${view.failure.message}`]),
    ...view.waitingOn.map(({ gate, roles, commands }) => `It waits for ${roles.join(', ')} at ${gate}. Answer with: ferry dev, then: ${commands.ferry}`),
    `→ ferry dev, then: ferry report ${id}`,
  ]);
}
