import type { ExecutorKind } from '../../../domain/job.js';
import type { Executor, ExecutorDeps } from './executor.js';
import { createLocalExecutor } from './local/index.js';

/** A new kind does not compile until it has its factory here. */
export const EXECUTOR_FACTORIES = {
  local: createLocalExecutor,
} satisfies Record<ExecutorKind, (deps: ExecutorDeps) => Executor>;

/** The package's own executor of a kind. */
export function createExecutor(kind: ExecutorKind, deps: ExecutorDeps): Executor {
  return EXECUTOR_FACTORIES[kind](deps);
}
