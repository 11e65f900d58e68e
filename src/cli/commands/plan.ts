import type { Command } from 'commander';
import * as z from 'zod';
import { readEarlier, reusableOf } from '../../client/earlier-run.js';
import { formatDuration } from '../../domain/duration.js';
import type { PipelineDescription } from '../../domain/pipeline.js';
import { planOf, planSiteOf, type PlannedStage, type RunPlan } from '../../domain/plan.js';
import { plannedReuse, type PlannedReuse } from '../../domain/reuse.js';
import type { RunSpec } from '../../domain/spec.js';
import { oneLine, shellQuote } from '../../domain/text.js';
import { backendLabel } from '../../domain/views.js';
import { InvalidDocument } from '../../engines/config/invalid-document.js';
import { loadSpec } from '../../engines/config/load-spec.js';
import type { LoadedSite } from '../../engines/config/load-site.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { argument, currentUser, parseOptions } from '../options.js';
import { pageWidth, printJson, printLines } from '../output.js';
import { ownPipelines } from '../pipelines.js';
import { pathInputProblems, plannedSources, storedInputProblems } from '../planned-inputs.js';
import { versionProblem } from '../release.js';
import { table, truncate } from '../render/layout.js';
import { makeStyle } from '../render/style.js';
import { withServer } from '../server.js';
import { siteOf } from '../site.js';

const Options = z.object({ reuse: z.string().min(1).optional() });

type ShownStage = PlannedStage & { reuse: PlannedReuse | null };
type ShownPlan = Omit<RunPlan, 'stages'> & { stages: ShownStage[] };

export function configure(command: Command): void {
  command
    .description('show what a spec would do and what is wrong with it, without a server')
    .argument('<spec>', 'run spec, YAML or JSON')
    .option('--reuse <run>', 'also tell what would be taken over from this earlier run, and why not the rest; asks the server for it')
    .addHelpText(
      'after',
      `
What runs where, what is skipped and why, and who must approve by the site file of this machine; the worker's own site
file is the one that counts. Exits 2 when there are problems.

Examples:
  $ ferry plan run.yaml
  $ ferry plan run.yaml --site ferry.site.yaml --json
  $ ferry plan run.yaml --reuse tiny-v1`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  const { reuse: earlier } = parseOptions(Options, options, 'plan');
  const { spec, pipeline, dir } = await loadSpec({ file: argument(args), cwd: context.cwd, own: () => ownPipelines(context) });
  const site = await siteIfAny(context);
  const planned = planOf(pipeline, spec, site === undefined ? undefined : planSiteOf(site.site), currentUser(context));
  const taken = site === undefined ? undefined : await versionProblem(context, spec);
  const stored = site === undefined ? [] : await storedInputProblems(context, { pipeline, spec });
  const reuse = earlier === undefined ? undefined : await reuseFrom(context, earlier, { pipeline, spec }, dir);
  const plan: ShownPlan = {
    ...planned,
    stages: planned.stages.map((stage) => ({ ...stage, reuse: reuse?.[stage.name] ?? null })),
    problems: [...planned.problems, ...pathInputProblems({ pipeline, spec }), ...stored, ...(taken === undefined ? [] : [taken])],
  };
  const where = site === undefined ? null : { name: site.site.name, source: site.source, digest: site.digest };
  if (site === undefined) context.stderr.write('no site file: executors, secrets and approvers are not looked at (--site FILE, FERRY_SITE or ./ferry.site.yaml)\n');
  if (context.json) printJson(context, { model: spec.model, version: spec.version, site: where, ...plan });
  else printLines(context, planText(plan, argument(args), `${spec.model} ${spec.version}`, where?.name, context));
  return plan.problems.length > 0 ? EXIT.usage : EXIT.done;
}

/** What a run of the spec would take over from an earlier one. */
async function reuseFrom(context: CliContext, run: string, planned: { pipeline: PipelineDescription; spec: RunSpec }, dir: string): Promise<Record<string, PlannedReuse>> {
  const sources = await plannedSources(planned, dir);
  return await withServer(context, async ({ client }) => {
    const earlier = await readEarlier({ client, run, own: () => ownPipelines(context) });
    // As the start would refuse it.
    reusableOf(earlier, planned.pipeline);
    return plannedReuse({ ...planned, ...sources, earlier: earlier.state });
  });
}

/** A plan is of use without a site, but a site that is named and broken is an error. */
async function siteIfAny(context: CliContext): Promise<LoadedSite | undefined> {
  const named = context.sitePath ?? (context.env['FERRY_SITE'] || undefined);
  try {
    return await siteOf(context);
  } catch (error) {
    if (named === undefined && error instanceof InvalidDocument && error.fault === 'missing') return undefined;
    throw error;
  }
}

function planText(plan: ShownPlan, file: string, title: string, site: string | undefined, context: CliContext): string[] {
  const style = makeStyle(context.color);
  const rows = plan.stages.map((stage) => [`  ${stage.skipped ? '–' : stage.reuse?.reused === true ? '↺' : '·'} ${stage.name}`, whereOf(stage), flowOf(stage), withWhat(stage)]);
  const stages = table(rows, (cell, _column, row) => (plan.stages[row]?.skipped === true ? style.dim(cell) : cell));
  const width = pageWidth(context);
  return [
    `${style.bold(title)}${site === undefined ? '' : ` at the site ${site}`}`,
    '',
    ...(context.color ? stages : stages.map((line) => truncate(line, width))),
    ...(plan.approvals.length === 0 ? [] : ['', 'Approval']),
    ...plan.approvals.map(
      ({ role, quorum, members, deadlineMs, onExpiry, identity }) =>
        `  ${quorum} of ${role}${members === null ? '' : ` (${members.join(', ') || 'nobody'})`}, within ${formatDuration(deadlineMs)}, then ${onExpiry}; identity ${identity}, not verified`,
    ),
    ...(plan.problems.length === 0 ? [] : ['', style.red('Problems')]),
    ...plan.problems.map(({ path, found, expected, suggestion }) => `  ${path}: found ${found}; expected ${expected}${suggestion === undefined ? '' : ` (${suggestion})`}`),
    ...(plan.problems.length === 0 ? ['', `→ ferry start ${shellQuote(file)}`] : []),
  ];
}

function whereOf({ skipped, reuse, attempts }: ShownStage): string {
  if (skipped) return 'skipped';
  return reuse?.reused === true ? 'reused' : attempts.map((job) => `${backendLabel(job)} on ${job.executor}`).join(', then ');
}

function flowOf({ skipped, reason, consumes, produces }: ShownStage): string {
  if (skipped) return reason ?? '';
  return [...(consumes.length > 0 ? [consumes.join(', ')] : []), ...(produces.length > 0 ? [`→ ${produces.join(', ')}`] : [])].join(' ');
}

/** Why it is taken over or not, where that was asked for; otherwise the command, on one line. */
function withWhat({ skipped, reuse, attempts }: ShownStage): string {
  if (skipped) return '';
  if (reuse !== null) return reuse.reason;
  return attempts[0] === undefined ? '' : oneLine(attempts[0].command.map(shellQuote).join(' '), 60);
}
