import { SEARCH_ATTRIBUTES } from '../domain/views.js';
import type { TestWorkflowEnvironment } from '@temporalio/testing';

/** The wire numbers of the types that our search attributes have. */
const TYPE_NUMBERS: Readonly<Record<string, number>> = { Keyword: 2, Datetime: 6 };

/** Starts the time-skipping server of this binary, with our search attributes. It takes about 0.2 s. */
export async function startTestEnvironment(binary: string): Promise<TestWorkflowEnvironment> {
  const { TestWorkflowEnvironment: Environment } = await import('@temporalio/testing');
  await quietRuntime();
  const environment = await Environment.createTimeSkipping({ server: { executable: { type: 'existing-path', path: binary } } });
  const searchAttributes = Object.fromEntries(Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => [name, TYPE_NUMBERS[type] ?? 2]));
  await environment.connection.operatorService.addSearchAttributes({ namespace: environment.namespace ?? 'default', searchAttributes });
  return environment;
}

/** Warnings only, and no handlers of signals: Ctrl-C is the test runner's. A runtime that the tests have made stays as it is. */
async function quietRuntime(): Promise<void> {
  const { DefaultLogger, Runtime } = await import('@temporalio/worker');
  const { IllegalStateError } = await import('@temporalio/common');
  try {
    Runtime.install({ logger: new DefaultLogger('WARN'), shutdownSignals: [] });
  } catch (error) {
    if (!(error instanceof IllegalStateError)) throw error;
  }
}
