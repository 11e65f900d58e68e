// Writes docs/cli.md from the commands' own definitions: npm run docs:cli. A test makes the page anew and compares.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The page of all commands. `contract` is the text of docs/contract.md, where the exit codes are written down. */
export function cliReference(defined, contract) {
  const common = new Map();
  for (const { command } of defined) for (const option of optionsOf(command)) if (isCommon(option)) common.set(option.flags, option);
  return `# The commands

Made from the code by \`npm run docs:cli\`; \`ferry COMMAND --help\` says the same. [contract.md](contract.md#commands) has what
each answers with \`--json\`.

| command | what it does |
| --- | --- |
${defined.map(({ entry }) => `| [\`ferry ${entry.name}\`](#ferry-${entry.name.replaceAll(' ', '-')}) | ${cell(entry.summary)} |`).join('\n')}

## Common options

Those that a command takes are named with it. They may also stand before the command.

${optionTable([...common.values()])}

## Exit codes

${exitCodes(contract)}

${defined.map(commandSection).join('\n\n')}
`;
}

function commandSection({ entry, command }) {
  const options = optionsOf(command);
  const own = options.filter((option) => !isCommon(option));
  const args = command.registeredArguments;
  const { notes, examples } = afterHelp(command);
  return [
    `## ferry ${entry.name}`,
    block('text', `ferry ${entry.name} ${command.usage()}`),
    sentence(command.description()),
    ...(args.length === 0 ? [] : [argumentTable(args)]),
    ...(own.length === 0 ? [] : [optionTable(own)]),
    `Common options: ${options.filter(isCommon).map(({ long }) => `\`${long}\``).join(', ')}.`,
    ...notes,
    ...examples,
  ].join('\n\n');
}

const argumentTable = (args) =>
  ['| argument | meaning |', '| --- | --- |', ...args.map((arg) => `| \`${arg.required ? `<${arg.name()}>` : `[${arg.name()}]`}\` | ${meaning(arg)} |`)].join('\n');

const optionTable = (options) =>
  ['| option | meaning | default |', '| --- | --- | --- |', ...options.map((option) => `| \`${option.flags}\` | ${meaning(option)}${option.mandatory ? '; required' : ''} | ${defaultOf(option)} |`)].join('\n');

const meaning = ({ description, argChoices }) => cell(argChoices === undefined ? description : `${description}: ${argChoices.map((value) => `\`${value}\``).join(', ')}`);

/** Commander's own defaults of switches and of options that may be repeated say nothing to a reader. */
const defaultOf = ({ defaultValue }) => (typeof defaultValue === 'string' ? `\`${defaultValue}\`` : '');

/** What a command says below its options: paragraphs, and examples as they are typed. */
function afterHelp(command) {
  let whole = '';
  command.configureOutput({ writeOut: (text) => (whole += text), getOutHelpWidth: () => 120 });
  command.outputHelp();
  const after = whole.slice(command.helpInformation().length);
  const [before = '', shown = ''] = after.split(/^Examples:$/m);
  const paragraphs = (text) => text.split(/\n\n+/).map((each) => each.replace(/^\n+|\s+$/g, '')).filter((each) => each !== '');
  const typed = shown.split('\n').filter((line) => line.startsWith('  $ ')).map((line) => line.slice(4));
  const written = shown.split('\n').filter((line) => line.startsWith('    ')).map((line) => line.slice(4));
  return {
    notes: paragraphs(before).map((each) => {
      const [head = '', ...lines] = each.split('\n');
      // A list in the help is aligned with blanks, which a paragraph would lose.
      return lines.length > 0 && lines.every((line) => line.startsWith('  ')) ? `${head}\n\n${block('text', lines.map((line) => line.slice(2)).join('\n'))}` : each;
    }),
    examples: [...(typed.length === 0 ? [] : [block('sh', typed.join('\n'))]), ...(written.length === 0 ? [] : ['In a spec:', block('yaml fragment', written.join('\n'))])],
  };
}

function exitCodes(contract) {
  const [, section] = /^### Exit codes\n\n([\s\S]+?)\n\n#/m.exec(contract) ?? [];
  if (section === undefined) throw new Error('docs/contract.md has no section "Exit codes"');
  return section;
}

const optionsOf = (command) => command.createHelp().visibleOptions(command);
const isCommon = ({ helpGroupHeading, long }) => helpGroupHeading === 'Common options:' || long === '--help';
const cell = (text) => text.replaceAll('|', '\\|');
const block = (info, text) => `\`\`\`${info}\n${text}\n\`\`\``;
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = (path) => new URL(`../${path}`, import.meta.url);
  const { allCommands } = await import(at('dist/cli/command-of.js').href);
  await writeFile(at('docs/cli.md'), cliReference(await allCommands(), await readFile(at('docs/contract.md'), 'utf8')));
}
