import type { Command } from 'commander';
import { mkdir } from 'node:fs/promises';
import * as z from 'zod';
import { ClientError, EXIT_USAGE } from '../../client/errors.js';
import type { CliContext } from '../context.js';
import { prepareDevSite, type DevSite } from '../dev/dev-site.js';
import { EndSignals } from '../dev/end-signals.js';
import { startDev, type RunningDev } from '../dev/run-dev.js';
import { withExitCode } from '../dev/start-errors.js';

const Port = z.coerce.number().int().min(0).max(65_535);
const Options = z.object({ port: Port, uiPort: Port, headless: z.boolean().default(false) });

export function configure(command: Command): void {
  command
    .description('run a Temporal server with its Web UI and a worker on this machine, until Ctrl-C')
    .option('--port <n>', 'port of the server; 0 picks a free one and keeps it', '7233')
    .option('--ui-port <n>', 'port of the Web UI; 0 picks a free one and keeps it', '8233')
    .option('--headless', 'start no Web UI')
    .addHelpText(
      'after',
      `
Data lives in $FERRY_HOME. With TEMPORAL_ADDRESS, --address or a profile no server is started, only a worker for that one.
Ctrl-C lets the jobs save first; the next ferry dev goes on from there. A second Ctrl-C does not wait for them.

Examples:
  $ ferry dev
  $ ferry dev --port 0 --ui-port 0 --json
  $ FERRY_HOME=/data/ferry ferry dev --headless
  $ TEMPORAL_ADDRESS=temporal.example:7233 ferry dev`,
    );
}

/** Stays until a signal ends it; resolves with 130 or 143 then. */
export async function run(context: CliContext, _args: string[], options: unknown): Promise<number> {
  const parsed = Options.safeParse(options);
  if (!parsed.success) {
    const flag = parsed.error.issues[0]?.path[0] === 'uiPort' ? '--ui-port' : '--port';
    throw new ClientError({ code: 'usage', message: `${flag} is a number from 0 to 65535`, hint: `Let ferry pick a free one with: ferry dev ${flag} 0`, exitCode: EXIT_USAGE });
  }
  const say = (message: string): void => void context.stderr.write(`${message}\n`);
  const signals = new EndSignals(context.signal);
  try {
    const { home, cwd, env } = context;
    await mkdir(home, { recursive: true, mode: 0o700 });
    const site = await prepareDevSite({ sitePath: context.sitePath, env, cwd, home });
    const { port, uiPort, headless } = parsed.data;
    let dev: RunningDev;
    try {
      dev = await startDev({ home, cwd, env, connection: context.connection, port, uiPort: headless ? null : uiPort, site, pipelines: context.pipelinesPath, say, signal: signals.first });
    } catch (error) {
      // Given up while starting; nothing is left running.
      if (signals.first.aborted && error === signals.first.reason) return signals.exitCode;
      throw withExitCode(error);
    }
    context.stdout.write(context.json ? `${JSON.stringify(dev.info)}\n` : welcome(dev, site));
    await signals.wait();
    say('Ending: jobs save first. Ctrl-C again does not wait for them.');
    await dev.suspend(signals.second);
    say('Suspended. Go on with: ferry dev');
    return signals.exitCode;
  } finally {
    signals.dispose();
  }
}

function welcome({ info, taskQueues }: RunningDev, site: DevSite): string {
  const rows = [
    ['Temporal', `${info.address}, namespace ${info.namespace}${info.pids.server === null ? ' (not ours: it stays when this ends)' : ''}`],
    ['Web UI', info.ui ?? 'none here'],
    ['Worker', `pid ${info.pids.workers.join(', ')}, queues ${taskQueues.join(', ')}`],
    ['Site', site.builtIn ? 'built-in: local jobs, approver demo-manager, identity asserted' : site.path],
    ...(site.keyId === undefined ? [] : [['Payloads', `encrypted with the key ${site.keyId}; for the Web UI to show them: ferry codec-server`]]),
    ['Data', info.home],
  ];
  return `ferry dev is ready.

${rows.map(([name, value]) => `  ${name?.padEnd(10)} ${value}`).join('\n')}

Start a run with: ferry start SPEC.yaml
See them with:    ferry list
End with Ctrl-C: jobs save first, and the next ferry dev goes on.
`;
}
