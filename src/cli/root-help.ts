import type { CommandEntry } from './registry.js';

/** The help of `ferry` itself, made from the registry alone: loading the commands would take longer than reading it. */
export function rootHelp(commands: readonly CommandEntry[]): string {
  return `Usage: ferry COMMAND [options]

Carries a model from data and training through conversion and validation to a release that people approved.

Commands:
${list(commands)}

Options for every command:
  --json           one JSON document on stdout, all else on stderr
  --no-color       plain text (so does NO_COLOR)
  -h, --help       the command's own help, with examples
  -V, --version    the version

Server: --address HOST:PORT, --namespace NAME, --profile NAME; then TEMPORAL_ADDRESS and the other variables of the
Temporal SDK; then the running ferry dev. Site: --site FILE; then FERRY_SITE; then ./ferry.site.yaml. Pipelines of your
own: --pipelines FILE; then FERRY_PIPELINES; then modelferry.pipelines of ./package.json. Their
activities: FERRY_ACTIVITIES; then modelferry.activities there.

Examples:
  $ ferry dev
  $ ferry start run.yaml
  $ ferry watch RUN
  $ ferry approve RUN --as NAME --reason "figures checked"
`;
}

/** The help of a group such as `jobs`. */
export function groupHelp(group: string, commands: readonly CommandEntry[]): string {
  return `Usage: ferry ${group} COMMAND [options]

Commands:
${list(commands)}

See: ferry ${commands[0]?.name ?? group} --help
`;
}

function list(commands: readonly CommandEntry[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return commands.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}`).join('\n');
}
