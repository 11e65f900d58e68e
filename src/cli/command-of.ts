import { Command } from 'commander';
import { COMMANDS, type CommandEntry, type CommandModule } from './registry.js';

/** The heading that sets the options of every command apart from a command's own. */
export const COMMON_GROUP = 'Common options:';

/** A command as commander knows it, with those of the common options that it takes. */
export function commandOf(entry: CommandEntry, module: Pick<CommandModule, 'configure'>): Command {
  const command = new Command(`ferry ${entry.name}`);
  module.configure(command);
  command.optionsGroup(COMMON_GROUP);
  command.option('--json', 'one JSON document on stdout, all else on stderr').option('--no-color', 'plain text');
  if (entry.takes.includes('site')) command.option('--site <file>', 'site file (default: FERRY_SITE, then ./ferry.site.yaml)');
  if (entry.takes.includes('pipelines')) command.option('--pipelines <file>', 'module of pipelines of your own (default: FERRY_PIPELINES, then ./package.json)');
  if (entry.takes.includes('server'))
    command
      .option('--address <host:port>', 'Temporal server (default: TEMPORAL_ADDRESS, then the running ferry dev)')
      .option('--namespace <name>', 'namespace of the server')
      .option('--profile <name>', 'profile of the Temporal configuration file');
  return command.helpOption('-h, --help', 'this help');
}

export interface DefinedCommand {
  readonly entry: CommandEntry;
  readonly command: Command;
}

/** Every command of the registry with its definition, in the order of the help. Loads them all, which a call of one command must not. */
export async function allCommands(): Promise<DefinedCommand[]> {
  return await Promise.all(COMMANDS.map(async (entry) => ({ entry, command: commandOf(entry, await entry.load()) })));
}
