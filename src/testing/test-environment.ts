import { SEARCH_ATTRIBUTES } from '../domain/views.js';
import type { TestWorkflowEnvironment } from '@temporalio/testing';

/** The wire numbers of the types that our search attributes have. */
const TYPE_NUMBERS: Readonly<Record<string, number>> = { Keyword: 2, Datetime: 6 };

/** From which level on the SDK's log is printed. */
export type RehearsalLog = 'error' | 'warn' | 'info' | 'debug';

const LEVELS = { error: 'ERROR', warn: 'WARN', info: 'INFO', debug: 'DEBUG' } as const satisfies Record<RehearsalLog, string>;

/** Starts the time-skipping server of this binary, with our search attributes. It takes about 0.2 s. */
export async function startTestEnvironment(binary: string, log: RehearsalLog): Promise<TestWorkflowEnvironment> {
  const { TestWorkflowEnvironment: Environment } = await import('@temporalio/testing');
  await installRuntime(log);
  const environment = await Environment.createTimeSkipping({ server: { executable: { type: 'existing-path', path: binary } } });
  const searchAttributes = Object.fromEntries(Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => [name, TYPE_NUMBERS[type] ?? 2]));
  await environment.connection.operatorService.addSearchAttributes({ namespace: environment.namespace ?? 'default', searchAttributes });
  return environment;
}

/**
 * One runtime a process: the first rehearsal's `log` counts, and a runtime that the tests have made stays as it is. The SDK
 * warns about what is so by design here: the test server's version, queues without workflows, tasks of closed executions,
 * and a stack for each run that ends as rejected. No handlers of signals: Ctrl-C is the test runner's.
 */
export async function installRuntime(log: RehearsalLog): Promise<void> {
  const { DefaultLogger, Runtime, makeTelemetryFilterString } = await import('@temporalio/worker');
  const { IllegalStateError } = await import('@temporalio/common');
  const level = LEVELS[log];
  try {
    Runtime.install({
      logger: new DefaultLogger(level),
      shutdownSignals: [],
      telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: level, other: level === 'DEBUG' ? 'INFO' : level }), forward: {} } },
    });
  } catch (error) {
    if (!(error instanceof IllegalStateError)) throw error;
  }
}
