import { expect, it } from 'vitest';
import { keptOutputNote, keptOutputs } from '../../src/domain/kept-output.js';
import { initialState, type RunState } from '../../src/domain/run-state.js';
import { at, digest } from './kit.js';

const start = initialState({ run: 'r', runUid: 'u', model: 'm', version: '1', specDigest: 's', requestedBy: 'eve', startedAt: at(0), order: ['convert', 'validateOnAscend'], resumedFrom: undefined });
const note = (seconds: number, name: string, of: string, stage = 'validateOnAscend'): RunState['notes'][number] => ({ at: at(seconds), stage, text: keptOutputNote(name, digest(of)) });
const state = (stage: Partial<RunState['stages'][string]>, notes: RunState['notes']): RunState => ({
  ...start,
  notes,
  stages: { ...start.stages, validateOnAscend: { name: 'validateOnAscend', state: 'waiting', round: 1, attempts: 1, startedAt: at(10), outputs: {}, figures: {}, ...stage } },
});

it('what a job that did not pass left is told from its notes, the newest of each name', () => {
  expect(keptOutputs(state({}, [note(20, 'validation', 'a'), note(30, 'validation', 'b')]))).toEqual({ validation: { stage: 'validateOnAscend', digest: digest('b') } });
});

it.each<[string, Partial<RunState['stages'][string]>, RunState['notes']]>([
  ['the stage is done', { state: 'done' }, [note(20, 'validation', 'a')]],
  ['it was of an earlier round', { startedAt: at(25) }, [note(20, 'validation', 'a')]],
  ['the stage was sent back', { state: 'pending', startedAt: undefined }, [note(20, 'validation', 'a')]],
  ['the note is another', {}, [{ at: at(20), stage: 'validateOnAscend', text: `see its validation is kept: ferry artifact show ${digest('a')}` }]],
  ['there is no such stage', {}, [note(20, 'validation', 'a', 'other')]],
])('nothing is told when %s', (_when, stage, notes) => {
  expect(keptOutputs(state(stage, notes))).toEqual({});
});
