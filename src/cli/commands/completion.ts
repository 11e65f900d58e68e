import type { Command } from 'commander';
import { nearest } from '../../domain/problems.js';
import { allCommands } from '../command-of.js';
import { bashCompletion } from '../completion/bash.js';
import { fishCompletion } from '../completion/fish.js';
import { type CompletionModel, completionModel } from '../completion/model.js';
import { zshCompletion } from '../completion/zsh.js';
import type { CliContext } from '../context.js';
import { EXIT, UsageError } from '../errors.js';
import { argument, argumentOf } from '../options.js';
import { printJson } from '../output.js';

const SHELLS: Readonly<Record<string, (model: CompletionModel) => string>> = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

export function configure(command: Command): void {
  command
    .description('print a script that completes ferry in a shell: commands, options, stages and files')
    .addArgument(argumentOf('<shell>', 'the shell', Object.keys(SHELLS)))
    .addHelpText(
      'after',
      `
The script never calls ferry, so that a key press waits for nothing; ids of runs it does not know. Make it anew after an
upgrade.

Examples:
  $ ferry completion bash > ~/.local/share/bash-completion/completions/ferry
  $ ferry completion zsh > ~/.zfunc/_ferry        # with ~/.zfunc in fpath, before compinit
  $ ferry completion fish > ~/.config/fish/completions/ferry.fish
  $ eval "$(ferry completion bash)"               # in this shell alone`,
    );
}

export async function run(context: CliContext, args: string[]): Promise<number> {
  const shell = argument(args);
  const write = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (write === undefined) {
    const meant = nearest(shell, Object.keys(SHELLS));
    throw new UsageError(`There is no completion for the shell ${JSON.stringify(shell.slice(0, 60))}`, `${meant === undefined ? '' : `Did you mean ${meant}? `}Name one of these: ferry completion ${Object.keys(SHELLS).join(', ferry completion ')}`);
  }
  const script = write(completionModel(await allCommands()));
  if (context.json) printJson(context, { shell, script });
  else context.stdout.write(script);
  return EXIT.done;
}
