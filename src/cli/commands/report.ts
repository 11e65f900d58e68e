import type { Command } from 'commander';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { readRun, type RunReading } from '../../client/describe.js';
import { keptOutputs } from '../../domain/kept-output.js';
import { artifactsOf, type RunState } from '../../domain/run-state.js';
import type { LocalStore } from '../../engines/artifacts/local-store.js';
import { collectEvidence, noEvidence, type Evidence, type EvidenceArtifact } from '../../engines/evidence/collect.js';
import type { CliContext } from '../context.js';
import { EXIT, UsageError } from '../errors.js';
import { argument, parseOptions } from '../options.js';
import { printJson, printLines } from '../output.js';
import { renderReport } from '../render/report/page.js';
import { size } from '../render/report/words.js';
import { withServer } from '../server.js';
import { storeOf } from '../site.js';

const Options = z.object({ out: z.string().min(1).optional() });

export function configure(command: Command): void {
  command
    .description('make one HTML page of a run: its pipeline, its evidence, its decisions and its digests')
    .argument('<run>', 'id of the run')
    .option('--out <file>', 'where to write it; - is stdout (default: RUN-report.html here)')
    .addHelpText(
      'after',
      `
The page loads nothing and runs nothing: it opens offline, in light and dark, and prints. It is made from the run's own
state, so a worker must answer, or the run have ended; and from the store of this site, where its evidence is. Without
a worker the page says what is not known.
Exits 1 when evidence is damaged or can't be read: the page is made all the same, and names it.

Examples:
  $ ferry report tiny-v1
  $ ferry report tiny-v1 --out /tmp/tiny.html
  $ ferry report tiny-v1 --json | jq '.problems'`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  const { out } = parseOptions(Options, options, 'report');
  const run = argument(args);
  const reading = await withServer(context, ({ client, ui }) => readRun({ client, run, ui }));
  const report = await makeReport(reading, await storeOf(context), new Date().toISOString());
  const file = out === '-' ? null : resolve(context.cwd, out ?? fileNameOf(run));
  if (file !== null) write(file, report.html);
  const bytes = Buffer.byteLength(report.html);
  if (context.json) printJson(context, { run, file, bytes, sections: report.sections, problems: report.problems, ...(file === null ? { html: report.html } : {}) });
  else if (file === null) context.stdout.write(report.html);
  else printLines(context, [`${file} (${size(bytes)})`]);
  if (!context.json) for (const { artifact, digest, problem } of report.problems) context.stderr.write(`${artifact} ${digest}: ${problem}\n`);
  return report.problems.length === 0 ? EXIT.done : EXIT.negative;
}

export interface Report {
  html: string;
  sections: string[];
  /** Evidence that is there and can't be used, by the section that would have shown it. */
  problems: { artifact: string; digest: string; problem: string }[];
}

/** The page of a run as it was read, with what the store holds of it. `lookedAt` matters only while it goes on. */
export async function makeReport({ view, state }: Pick<RunReading, 'view' | 'state'>, store: LocalStore, lookedAt: string): Promise<Report> {
  const evidence = state === undefined ? noEvidence('without a worker the artifacts of the run are not known') : await collectEvidence(store, artifactsFor(state));
  const { html, sections } = renderReport({ view, state, evidence, lookedAt });
  return { html, sections, problems: problemsIn(evidence) };
}

/** What the run made or was given; and of a job that did not pass what it left, since that is what people decide on. */
function artifactsFor(state: RunState): Record<string, EvidenceArtifact> {
  const kept = Object.entries(keptOutputs(state)).map(([name, { stage, digest }]) => [name, { digest, caveat: `Of a job of ${stage} that did not pass; the run has not taken it on.` }] as const);
  const made = Object.entries(artifactsOf(state)).map(([name, { digest }]) => [name, { digest }] as const);
  return Object.fromEntries([...kept, ...made]);
}

const problemsIn = (evidence: Evidence): Report['problems'] => Object.entries(evidence).flatMap(([artifact, finding]) => (finding.state === 'unreadable' ? [{ artifact, digest: finding.digest, problem: finding.problem }] : []));

/** An id may have characters that no file name has. */
const fileNameOf = (run: string): string => `${run.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '') || 'run'}-report.html`;

function write(file: string, html: string): void {
  try {
    // Not by a rename: FILE may be a device, or a link that is to stay.
    writeFileSync(file, html);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(`The page could not be written to ${file} (${message})`, 'Name another place with: --out FILE', [], 'not_written');
  }
}
