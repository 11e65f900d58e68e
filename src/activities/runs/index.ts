import { WorkflowFailedError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { ArtifactRef } from '../../domain/artifact.js';
import { digestOf } from '../../domain/digest.js';
import { differences } from '../../domain/identity.js';
import { STATE } from '../../domain/names.js';
import { upgradeState, type RunState, type StageIdentity } from '../../domain/run-state.js';
import type { ArtifactStore } from '../artifacts/stores/store.js';
import { beating, storeFailure } from '../guards.js';

/** What a start claims that an earlier run made in a stage. */
export interface ConfirmRequest {
  run: string;
  runUid: string;
  stage: string;
  outputs: Record<string, ArtifactRef>;
  /** What approvers are shown of it. */
  figures?: Record<string, number | string>;
  identity: StageIdentity;
}

/** What workflows ask of earlier runs. */
export interface RunActivities {
  /**
   * Why a stage of an earlier run can't be taken over as a start claims it: its outputs are not in the store, or that
   * run made something else. `confirmed` is false where that run's record is gone and only the claim is left.
   */
  confirmTakenOver(request: ConfirmRequest): Promise<{ problems: string[]; confirmed: boolean }>;
}

/** The activity; `client` asks the server for the earlier run's own record. */
export function createRunActivities(deps: { client: Client; store: ArtifactStore }): RunActivities {
  return {
    confirmTakenOver: ({ run, runUid, stage, outputs, figures, identity }) =>
      beating(async () => {
        const problems: string[] = [];
        for (const [name, ref] of Object.entries(outputs))
          if ((await deps.store.find(ref.digest).catch(storeFailure)) === undefined) problems.push(`its output ${name}, ${ref.digest}, is no longer in the store`);
        const state = await stateOf(deps.client, run);
        if (state === undefined) return { problems, confirmed: false };
        // Another run has the id: whoever claims this can't have seen the one that is meant.
        if (state.runUid !== runUid) return { problems: [...problems, `the run ${run} is another one than the start names`], confirmed: true };
        const made = state.stages[stage];
        for (const [name, ref] of Object.entries(outputs)) if (made?.outputs[name]?.digest !== ref.digest) problems.push(`${run} did not make the ${name} ${ref.digest}`);
        if (figures !== undefined && digestOf(figures) !== digestOf(made?.figures ?? {})) problems.push(`${run} found other figures than the start claims`);
        const different = made?.identity === undefined ? ['everything'] : differences(identity, made.identity);
        if (different.length > 0) problems.push(`${run} made it with other values of ${different.join(', ')}`);
        return { problems, confirmed: true };
      }),
  };
}

/** A run's state wherever it is now: in its result, in its failure, or in the memory of a worker; undefined when it is gone. */
async function stateOf(client: Client, run: string): Promise<RunState | undefined> {
  const handle = client.workflow.getHandle(run);
  try {
    const { status } = await handle.describe();
    if (status.name === 'COMPLETED') return stateIn(((await handle.result()) as { state?: unknown }).state);
    if (status.name === 'FAILED') return await handle.result().then(() => undefined, stateOfFailure);
    return upgradeState(await handle.query(STATE));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

function stateOfFailure(error: unknown): RunState | undefined {
  if (!(error instanceof WorkflowFailedError)) throw error;
  return error.cause instanceof ApplicationFailure ? stateIn(error.cause.details?.[0]) : undefined;
}

const stateIn = (value: unknown): RunState | undefined => (typeof value === 'object' && value !== null && 'stages' in value ? upgradeState(value) : undefined);
