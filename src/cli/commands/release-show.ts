import type { Command } from 'commander';
import * as z from 'zod';
import { oneLine } from '../../domain/text.js';
import type { OciManifest } from '../../engines/oci/documents.js';
import { ANNOTATION, MEDIA } from '../../engines/oci/media-types.js';
import { readRelease, type ReadRelease } from '../../engines/oci/read-release.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { parseOptions } from '../options.js';
import { printJson, printLines } from '../output.js';
import { UNSIGNED, releaseOf } from '../release.js';

const Options = z.object({ run: z.string().min(1).optional() });

export function configure(command: Command): void {
  command
    .description('show a release: its files, its evidence and who approved it; its files are not hashed')
    .argument('[ref]', 'MODEL:VERSION of this site, or oci:PATH:VERSION, with or without @sha256:…')
    .option('--run <run>', 'what this run released')
    .addHelpText(
      'after',
      `
Examples:
  $ ferry release show tiny:1
  $ ferry release show oci:/data/ferry/releases/tiny:1 --json
  $ ferry release show --run tiny-v1`,
    );
}

export async function run(context: CliContext, [ref]: string[], options: unknown): Promise<number> {
  const release = await readRelease(await releaseOf(context, ref, parseOptions(Options, options, 'release show').run, 'release show'));
  const view = viewOf(release);
  if (context.json) printJson(context, view);
  else printLines(context, linesOf(view));
  return EXIT.done;
}

type ReleaseView = ReturnType<typeof viewOf>;

function viewOf({ ref, digest, layout, version, model, evidence, records }: ReadRelease) {
  const annotations = model.annotations ?? {};
  return {
    ref,
    digest,
    layout,
    model: annotations[ANNOTATION.title] ?? null,
    version,
    run: annotations[ANNOTATION.run] ?? null,
    runUid: annotations[ANNOTATION.runUid] ?? null,
    artifact: artifactOf(model),
    files: filesOf(model),
    evidence: evidence.map((read) => ({ name: read.manifest.annotations?.[ANNOTATION.evidence] ?? null, digest: read.digest, artifact: artifactOf(read.manifest), files: filesOf(read.manifest) })),
    records: records.map((record) => ({ digest: record.digest, artifact: artifactOf(record.manifest), approval: record.document.approval })),
    identity: 'asserted' as const,
    signed: false,
  };
}

const artifactOf = ({ annotations = {} }: OciManifest): { kind: string | null; digest: string | null } => ({ kind: annotations[ANNOTATION.artifactKind] ?? null, digest: annotations[ANNOTATION.artifactDigest] ?? null });

const filesOf = ({ layers }: OciManifest): { path: string; mediaType: string; digest: string; bytes: number }[] =>
  layers.filter(({ mediaType }) => mediaType !== MEDIA.empty).map(({ mediaType, digest, size, annotations }) => ({ path: annotations?.[ANNOTATION.title] ?? '', mediaType, digest, bytes: size }));

function linesOf({ ref, model, version, run, artifact, files, evidence, records }: ReleaseView): string[] {
  const lines = [
    `${model ?? ''} ${version}, of the run ${run ?? 'unknown'}`,
    `  ${ref}`,
    `  artifact ${artifact.digest ?? 'unknown'}`,
    ...files.map(({ path, bytes }) => `  ${path} (${bytes} bytes)`),
    ...evidence.map(({ name, digest, artifact: { kind, digest: of } }) => `evidence ${name ?? ''}: ${kind ?? ''} ${of ?? ''}, manifest ${digest}`),
    ...records.flatMap(({ approval }) => approval.decisions.map(({ approver, role, verdict, reason, at }) => `${verdict} by ${approver} (${role}, ${approval.identity}) at ${at}: ${reason}`)),
    `→ ${UNSIGNED}`,
  ];
  // Anybody may have written a layout.
  return lines.map((line) => line.slice(0, line.length - line.trimStart().length) + oneLine(line, 2000));
}
