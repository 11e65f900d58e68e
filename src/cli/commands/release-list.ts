import type { Command } from 'commander';
import { listReleases } from '../../engines/oci/read-release.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { printJson, printLines } from '../output.js';
import { releasesRootOf } from '../release.js';
import { table } from '../render/layout.js';

export function configure(command: Command): void {
  command.description('list the releases of this site, by model and in the order of publishing; reads nothing but their manifests').addHelpText(
    'after',
    `
Examples:
  $ ferry release list
  $ ferry release list --site ferry.site.yaml --json | jq -r '.[].ref'`,
  );
}

export async function run(context: CliContext): Promise<number> {
  const root = await releasesRootOf(context);
  const { releases, problems } = await listReleases(root);
  // What can't be read is missing from the list, so it is told.
  for (const problem of problems) context.stderr.write(`${problem}\n`);
  if (context.json) printJson(context, releases);
  else if (releases.length === 0) printLines(context, [`No release in ${root}.`]);
  else printLines(context, table([['RELEASE', 'RUN', 'BYTES', 'DIGEST'], ...releases.map(({ model, version, run, bytes, digest }) => [`${model}:${version}`, run ?? '', String(bytes), digest])]));
  return problems.length === 0 ? EXIT.done : EXIT.negative;
}
