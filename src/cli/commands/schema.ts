import type { Command } from 'commander';
import { Site } from '../../domain/site.js';
import { RunSpec } from '../../domain/spec.js';
import { jsonSchemaOf } from '../../engines/config/schema-keys.js';
import type { CliContext } from '../context.js';
import { EXIT, UsageError } from '../errors.js';
import { argument, argumentOf } from '../options.js';

export function configure(command: Command): void {
  command
    .description('print the JSON Schema of a run spec or a site file, for editors and for reading')
    .addArgument(argumentOf('<kind>', 'what it describes', ['run', 'site']))
    .addHelpText(
      'after',
      `
Examples:
  $ ferry schema run > run.schema.json
  $ ferry schema site | jq .properties`,
    );
}

export async function run(context: CliContext, args: string[]): Promise<number> {
  const kind = argument(args);
  if (kind !== 'run' && kind !== 'site') throw new UsageError(`There is no schema ${JSON.stringify(kind)}`, 'Name one of these: ferry schema run, ferry schema site');
  const schema = jsonSchemaOf(kind === 'run' ? RunSpec : Site);
  context.stdout.write(`${JSON.stringify(schema, null, context.json ? undefined : 2)}\n`);
  return EXIT.done;
}
