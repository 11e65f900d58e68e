import type { ArtifactRef } from './artifact.js';
import { digestOf } from './canonical.js';
import type { Params } from './job.js';
import { paramsOf } from './overrides.js';
import type { StageIdentity } from './run-state.js';
import { ladderOf, serversOf, type JobPlan, type ServerPlan } from './sections.js';
import type { RunSpec } from './spec.js';

/** What a stage's result depends on; `own` are the parameters of an item of a fan-out. Budgets and waiting times are left out: they change when, not what. */
export function identityOf(spec: RunSpec, overrides: Record<string, unknown>, stage: string, inputs: Readonly<Record<string, ArtifactRef>>, code: ArtifactRef | undefined, own: Params = {}): StageIdentity {
  const what = (plan: JobPlan | ServerPlan): unknown => ({
    command: plan.command,
    backend: plan.backend,
    simulated: plan.simulated,
    env: plan.env,
    params: { ...paramsOf(spec, overrides, stage, plan), ...own },
  });
  const jobs = ladderOf(spec, stage).map(what);
  const servers = Object.entries(serversOf(spec, stage)).map(([name, plan]) => [name, what(plan)] as const);
  return {
    spec: digestOf(servers.length === 0 ? jobs : { jobs, servers: Object.fromEntries(servers) }),
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, ref]) => [name, ref.digest])),
    code: code?.digest ?? 'none',
  };
}

/** In what two identities differ, as a person would say it; empty when they are the same. */
export function differences(now: StageIdentity, earlier: StageIdentity): string[] {
  const names = [...new Set([...Object.keys(now.inputs), ...Object.keys(earlier.inputs)])];
  return [
    ...(now.spec === earlier.spec ? [] : ['its command or parameters']),
    ...names.filter((name) => now.inputs[name] !== earlier.inputs[name]).map((name) => `its input ${name}`),
    ...(now.code === earlier.code ? [] : ['the code']),
  ];
}
