import type { SiteView } from '../domain/site-view.js';
import type { JobPlan, ServerPlan } from '../domain/sections.js';
import { StageTrouble } from './stage-trouble.js';

/** The executor of the worker's site that a plan names; StageTrouble where the site has none, or not for this backend. */
export function executorOf(site: SiteView, plan: Pick<JobPlan | ServerPlan, 'executor' | 'backend'>): SiteView['executors'][string] {
  const executor = Object.hasOwn(site.executors, plan.executor) ? site.executors[plan.executor] : undefined;
  const trouble = (message: string): never => {
    throw new StageTrouble({ kind: 'unknown_executor', message, owner: 'requester', nextAction: 'ask_human' });
  };
  if (executor === undefined) return trouble(`the site ${site.name} has no executor ${plan.executor}; it has ${Object.keys(site.executors).join(', ')}`);
  if (!executor.backends.includes(plan.backend)) return trouble(`the executor ${plan.executor} offers ${executor.backends.join(', ')}, not ${plan.backend}`);
  return executor;
}
