import { InvalidDocument } from './invalid-document.js';
import { importModule } from './own-module.js';

const WHAT = 'activities module';

/** Activities by name, as a worker takes them. */
export type OwnActivities = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;

/**
 * Loads a module and calls its `createActivities()`. Runs the module's code: what it needs, such as a client with a
 * token, is made there, once a worker.
 * @throws InvalidDocument that says what is wrong with the module.
 */
export async function loadActivities(file: string): Promise<OwnActivities> {
  const refuse = (path: string, found: string, expected: string): InvalidDocument => new InvalidDocument(file, WHAT, 'invalid', [{ path, found, expected }]);
  const module = await importModule(file, WHAT);
  const create = module['createActivities'];
  if (typeof create !== 'function') throw refuse('createActivities', `the exports ${Object.keys(module).join(', ') || '(none)'}`, 'a function that returns activities by name');
  let made: unknown;
  try {
    made = await (create as () => unknown)();
  } catch (error) {
    throw refuse('createActivities()', error instanceof Error ? error.message : String(error), 'activities by name');
  }
  if (typeof made !== 'object' || made === null) throw refuse('createActivities()', typeof made, 'an object of activities by name');
  for (const [name, activity] of Object.entries(made)) if (typeof activity !== 'function') throw refuse(name, typeof activity, 'an async function');
  return made as OwnActivities;
}
