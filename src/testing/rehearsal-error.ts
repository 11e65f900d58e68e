/**
 * `script_invalid`: the script of a run can't be read; `unscripted`: something happened for which it has no entry;
 * `unused_script`: it has entries for what never happened; `workflow_broken`: the workflow's code failed, which a real
 * server would try again for ever; `too_long`: the run did not end before the rehearsal's horizon; `bad_time`: a time
 * that the server can't be brought to; `bad_name`: a name that no recorded history can have; `closed`: the rehearsal was closed meanwhile.
 */
export type RehearsalErrorCode = 'script_invalid' | 'unscripted' | 'unused_script' | 'workflow_broken' | 'too_long' | 'bad_time' | 'bad_name' | 'closed';

/** Thrown when a rehearsal itself went wrong. A run that fails or is rejected is an outcome and throws nothing. */
export class RehearsalError extends Error {
  override readonly name = 'RehearsalError';

  constructor(
    readonly code: RehearsalErrorCode,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** For a workflow that fails its tasks. */
export const broken = (run: string, failure: string): RehearsalError => new RehearsalError('workflow_broken', `The workflow of ${run} fails, and a real server would try its task again for ever: ${failure}`);
