import { stageOf, type RunState } from './run-state.js';

const KEPT = /^its (\S+) is kept: ferry artifact show (sha256:[0-9a-f]{64})$/;

/** The note on an output of a job that found its subject wanting: no product of the stage, yet what a person must see. */
export const keptOutputNote = (name: string, digest: string): string => `its ${name} is kept: ferry artifact show ${digest}`;

/** The outputs that such notes tell of, by name, the newest of each; of stages that have come no further since. */
export function keptOutputs(state: RunState): Record<string, { stage: string; digest: string }> {
  const kept: Record<string, { stage: string; digest: string }> = {};
  for (const { at, stage, text } of state.notes) {
    const [, name, digest] = KEPT.exec(text) ?? [];
    if (name === undefined || digest === undefined || !Object.hasOwn(state.stages, stage)) continue;
    const { state: now, startedAt } = stageOf(state, stage);
    // In a new round, or once the stage is done, they are of the past.
    if (now === 'done' || startedAt === undefined || at < startedAt) continue;
    kept[name] = { stage, digest };
  }
  return kept;
}
