import { describe, expect, it } from 'vitest';
import { STAGE_NAMES } from '../../src/domain/stage.js';
import { RELEASE_MODEL, SWEEP_JOBS } from '../../src/domain/names.js';
import { approveSignal, decideUpdate, rejectSignal, stateQuery } from '../../src/workflows/messages.js';
import * as workflows from '../../src/workflows/index.js';
import { SEARCH_ATTRIBUTES } from '../../src/domain/views.js';
import { sourceFiles } from '../support/sources.js';

describe('the wire names', () => {
  it('of messages are those of the contract', () => {
    expect({ update: decideUpdate.name, signals: [approveSignal.name, rejectSignal.name], query: stateQuery.name }).toEqual({ update: 'decide', signals: ['approve', 'reject'], query: 'state' });
  });

  it('of workflow types are the exports of the bundle, none more and none less', () => {
    expect(Object.keys(workflows).sort()).toEqual(
      ['assessQualityAlone', 'convertAlone', 'labelAlone', 'prepareDataAlone', 'releaseModel', 'rollOutAlone', 'sweepJobs', 'trainAlone', 'validateOnAscendAlone'].sort(),
    );
    expect([RELEASE_MODEL, SWEEP_JOBS]).toEqual(['releaseModel', 'sweepJobs']);
    for (const name of [RELEASE_MODEL, SWEEP_JOBS]) expect(workflows).toHaveProperty(name);
  });

  it('of activities are those that workers have served from the first day', () => {
    const named = sourceFiles('src/workflows').flatMap(({ text }) => [...text.matchAll(/Pick<FerryActivities, ((?:'\w+'(?: \| )?)+)>/g)].flatMap((m) => [...(m[1] ?? '').matchAll(/\w+/g)].map(([name]) => name)));
    expect([...new Set(named)].sort()).toEqual(['awaitServer', 'cancelJob', 'confirmTakenOver', 'publishRelease', 'readSite', 'submitJob', 'sweepExecutors', 'verifyArtifacts', 'watchJob']);
  });

  it('of search attributes begin with Ferry', () => {
    expect(Object.keys(SEARCH_ATTRIBUTES)).toEqual(['FerryStage', 'FerryWaitingOn', 'FerryBackend', 'FerryModel', 'FerryVersion', 'FerryVerdict', 'FerryTargetDate']);
  });

  it('of stages are the keys of every run\'s state', () => {
    expect(STAGE_NAMES.join(' → ')).toBe('preflight → prepareData → label → train → assessQuality → convert → validateOnAscend → approve → publish → rollOut');
  });
});
