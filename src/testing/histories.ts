import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../client/errors.js';
import { RunId } from '../domain/ids.js';
import { createAtomically } from '../engines/artifacts/durable-file.js';
import { packageFile } from '../engines/package-files.js';
import { bundleOf, type Deployed } from './bundle.js';
import { historyText, parseHistory, type History } from './history-json.js';
import { RehearsalError } from './rehearsal-error.js';
import type { RehearsalRun } from './run.js';
import { installRuntime } from './test-environment.js';

/** Which run's histories are written down, and where. */
export interface RecordOptions {
  /** A rehearsed run, open or ended. */
  run: RehearsalRun;
  /** The folder of recorded histories, which belongs into version control. Made where it is missing. */
  folder: string;
  /** What the files are named after: letters, digits, dot, dash and underscore. Default: the run's id. */
  name?: string;
}

/**
 * Writes the history of a run as `NAME.1.json`, and `NAME.2.json` and so on where it has continued as new; as the
 * `temporal` command writes them too. What is there is never written again: it is what a run of that day looks like.
 * Resolves with the paths of the files that were written; none where the history was there.
 * @throws RehearsalError `bad_name`
 */
export async function recordHistory({ run, folder, name = run.id }: RecordOptions): Promise<string[]> {
  if (!RunId.safeParse(name).success) throw new RehearsalError('bad_name', `A history can't be named ${JSON.stringify(name.slice(0, 120))}: give it a name of letters, digits, dot, dash and underscore`);
  const fileOf = (execution: number): string => join(folder, `${name}.${execution}.json`);
  if (existsSync(fileOf(1))) return [];
  const chain: History[] = [];
  for (let runId: string | undefined = (await run.handle.describe()).runId; runId !== undefined; ) {
    const history: History = await run.handle.client.getHandle(run.id, runId).fetchHistory();
    chain.unshift(history);
    runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
  }
  await mkdir(folder, { recursive: true });
  // The first one last: it says that the others are there.
  return [...chain.entries()].toReversed().flatMap(([i, history]) => (createAtomically(fileOf(i + 1), historyText(history)) ? [fileOf(i + 1)] : [])).toReversed();
}

/** Which histories are replayed, with which workflow code. */
export interface ReplayOptions extends Deployed {
  /** The folder of recorded histories: every `.json` file in it. */
  folder: string;
}

/**
 * Replays every recorded history of a folder with the code of `pipelines` or `bundle`, as a worker with that code would go
 * on with such a run. Resolves with what is wrong, by the name of the file: an empty object when all is well. A folder
 * without any history is a problem too, under the folder's own name, since that would test nothing.
 * @throws Error of the bundler
 */
export async function replayHistories({ folder, ...code }: ReplayOptions): Promise<Record<string, string>> {
  const names = (await filesIn(folder)).filter((name) => name.endsWith('.json')).sort();
  if (names.length === 0) return { [folder]: 'holds no recorded history, so that nothing was replayed: record one with recordHistory' };
  const problems: Record<string, string> = {};
  const recorded: { name: string; workflowId: string; history: History }[] = [];
  for (const name of names) {
    try {
      const history = parseHistory(await readFile(join(folder, name), 'utf8'));
      // A server since 1.24 says the id in the history; the name of the file will do for replay.
      recorded.push({ name, workflowId: history.events?.[0]?.workflowExecutionStartedEventAttributes?.workflowId || name, history });
    } catch (error) {
      problems[name] = `is no history: ${messageOf(error)}`;
    }
  }
  const { Worker } = await import('@temporalio/worker');
  await installRuntime('error');
  const options = { workflowBundle: await bundleOf(code), dataConverter: { payloadConverterPath: packageFile('dist/temporal-payloads.js') } };
  let next = 0;
  // Results come one by one, in the order of the histories; their ids need not be unique.
  for await (const { error } of Worker.runReplayHistories(options, recorded)) {
    const name = recorded[next]?.name ?? '';
    next += 1;
    if (error !== undefined) problems[name] = whatToDo(error.message);
  }
  for (const { name } of recorded.slice(next)) problems[name] = 'was not replayed: the worker ended before';
  return problems;
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function whatToDo(message: string): string {
  // The core prints its own failure, with a stack; what went wrong is its message.
  const [, said] = /\bmessage: "((?:[^"\\]|\\.)+)"/.exec(message) ?? [];
  return `this code does something else than the run did that was recorded here, and would break open runs like it. Put what changed under patched(), or, where no such run can be open any more, remove the file and have it recorded again. ${said ?? message}`;
}
