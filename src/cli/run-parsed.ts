import { CommanderError } from 'commander';
import { defaultHome } from '../client/home.js';
import { commandOf } from './command-of.js';
import type { CliContext } from './context.js';
import { EXIT, report } from './errors.js';
import type { World } from './main.js';
import type { CommandEntry } from './registry.js';

/** Parses a command's arguments, runs it in its context and resolves with the exit code. Never rejects. */
export async function runParsed(entry: CommandEntry, args: readonly string[], world: World): Promise<number> {
  const typed = `ferry ${entry.name}`;
  const fallback = { json: args.includes('--json'), stdout: world.stdout, stderr: world.stderr, env: world.env };
  try {
    const module = await entry.load();
    const command = commandOf(entry, module);
    command.exitOverride().configureOutput({
      writeOut: (text) => world.stdout.write(text),
      writeErr: () => undefined, // told by our own error, with the next command to type
      getOutHelpWidth: () => Math.min(world.columns, 120),
      getOutHasColors: () => false,
    });
    try {
      command.parse([...args], { from: 'user' });
    } catch (error) {
      if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done; // the help was asked for
      throw error;
    }
    const { json, color, address, namespace, profile, site, pipelines, ...options } = command.opts<CommonOptions>();
    const context: CliContext = {
      env: world.env,
      cwd: world.cwd,
      stdout: world.stdout,
      stderr: world.stderr,
      json: json === true,
      home: defaultHome({ env: world.env }),
      isTty: world.isTty,
      canAsk: world.canAsk && json !== true,
      color: world.isTty && json !== true && color && !world.env['NO_COLOR'] && world.env['TERM'] !== 'dumb',
      columns: world.columns,
      rows: world.rows,
      signal: world.signal,
      connection: { address, namespace, profile },
      sitePath: site,
      pipelinesPath: pipelines,
    };
    return await module.run(context, command.args, options);
  } catch (error) {
    return report(error, fallback, typed);
  }
}

interface CommonOptions extends Record<string, unknown> {
  json?: boolean;
  color: boolean;
  address?: string;
  namespace?: string;
  profile?: string;
  site?: string;
  pipelines?: string;
}
