import type { PipelineDescription } from './pipeline.js';
import { processesOf, type JobPlan, type SectionInput, type ServerPlan } from './sections.js';
import { merged, type RunSpec, type RunSpecInput } from './spec.js';

/** Bound of everything that people may set in one run, as JSON in UTF-8: it travels in the run's state. */
export const MAX_OVERRIDES_BYTES = 8192;

/**
 * The full name of a declared parameter: `params.NAME` for the whole run, `stages.STAGE.params.NAME` for one stage.
 * A bare NAME means the stage's own parameter if it declares one, otherwise the run's. Undefined when none is declared:
 * a mistyped name would otherwise be set and change nothing.
 */
export function resolveParameter(spec: RunSpec, stage: string, name: string): string | undefined {
  const scoped = /^stages\.([A-Za-z][A-Za-z0-9]*)\.params\.(.+)$/.exec(name);
  if (scoped !== null) return declares(spec, scoped[1] ?? '', scoped[2] ?? '') ? name : undefined;
  if (name.startsWith('params.')) return Object.hasOwn(spec.params, name.slice(7)) ? name : undefined;
  if (declares(spec, stage, name)) return `stages.${stage}.params.${name}`;
  return Object.hasOwn(spec.params, name) ? `params.${name}` : undefined;
}

const declares = (spec: RunSpec, stage: string, name: string): boolean => processesOf(spec, stage).some(({ plan }) => Object.hasOwn(plan.params, name));

/** Every declared parameter by its full name: what `--set` may name. */
export function declaredParameters(spec: RunSpec): string[] {
  const own = Object.keys(spec.stages).flatMap((stage) => processesOf(spec, stage).flatMap(({ plan }) => Object.keys(plan.params).map((name) => `stages.${stage}.params.${name}`)));
  return [...new Set([...Object.keys(spec.params).map((name) => `params.${name}`), ...own])];
}

/** A job's or server's parameters: the run's, then its own, each as overridden. */
export function paramsOf(spec: RunSpec, overrides: Record<string, unknown>, stage: string, plan: Pick<JobPlan | ServerPlan, 'params'>): Record<string, unknown> {
  const pick = (scope: string, declared: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(declared).map(([name, value]) => [name, Object.hasOwn(overrides, `${scope}.${name}`) ? overrides[`${scope}.${name}`] : value]));
  return { ...pick('params', spec.params), ...pick(`stages.${stage}.params`, plan.params) };
}

/**
 * The spec with its parameters changed for good: what `ferry resume --set` starts the linked run with. `spec` is as
 * written; a stage of which only the pipeline speaks is written out, since a change needs a place to stand.
 */
export function withParameters(pipeline: PipelineDescription, spec: RunSpecInput, changes: Record<string, unknown>): RunSpecInput {
  const copy = structuredClone(spec);
  for (const [path, value] of Object.entries(changes)) {
    const [, name = '', parameter = ''] = /^stages\.([A-Za-z][A-Za-z0-9]*)\.params\.(.+)$/.exec(path) ?? [];
    if (name === '') {
      copy.params = { ...copy.params, [path.slice('params.'.length)]: value };
      continue;
    }
    const stage = structuredClone(merged(pipeline.stages[name]?.defaults, copy.stages?.[name])) as StageLike | undefined;
    if (stage === undefined) continue;
    for (const job of [stage.job, ...(stage.attempts ?? []), ...Object.values(stage.servers ?? {})]) if (job?.params !== undefined && Object.hasOwn(job.params, parameter)) job.params[parameter] = value;
    copy.stages = { ...copy.stages, [name]: stage as SectionInput };
  }
  return copy;
}

interface JobLike {
  params?: Record<string, unknown>;
}

interface StageLike {
  job?: JobLike;
  attempts?: JobLike[];
  servers?: Record<string, JobLike>;
}
