// Holds docs/cli.md to the commands: it is made from them and never written by hand.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { cliReference } from '../../scripts/cli-reference.mjs';
import { allCommands, type DefinedCommand } from '../../src/cli/command-of.js';
import { ROOT } from '../support/sources.js';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

let commands: DefinedCommand[];
// Every command with all that it imports is compiled for this.
beforeAll(async () => void (commands = await allCommands()), 60_000);

it('docs/cli.md is what the code makes of it', () => {
  const made = cliReference(commands, read('docs/contract.md'));
  expect(read('docs/cli.md') === made, 'docs/cli.md is older than the commands: run npm run docs:cli').toBe(true);
});

it('the page has each command with every option and example of its help', () => {
  const page = read('docs/cli.md');
  for (const { entry, command } of commands) {
    const section = page.split(`\n## ferry ${entry.name}\n`)[1]?.split('\n## ')[0] ?? '';
    for (const { long } of command.createHelp().visibleOptions(command)) expect(section, `${entry.name} ${long}`).toContain(long);
    expect(section, entry.name).toMatch(/```(?:sh|yaml fragment)\n/);
  }
});

it('an exit code section that is gone from the contract is an error', () => {
  expect(() => cliReference([], '# The contract\n')).toThrow('docs/contract.md has no section "Exit codes"');
});
