import { describe, expect, it } from 'vitest';
import { judgeVersions } from '../../src/cli/worker-versions.js';
import type { CarriedRun, VersionsInUse } from '../../src/client/versions.js';
import type { Versioning, WorkerVersion } from '../../src/domain/deployment.js';
import { call } from './call.js';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const V1 = { name: 'modelferry', buildId: '1' };
const V2 = { name: 'modelferry', buildId: '2' };

const polls = (version: WorkerVersion | null, secondsAgo = 5): VersionsInUse['pollers'][number] => ({ identity: '1@host', version, lastPolledAt: new Date(NOW - secondsAgo * 1000).toISOString() });
const carried = (version: WorkerVersion, versioning: Versioning, ...runs: string[]): CarriedRun[] => runs.map((run) => ({ run, version, versioning }));
const judge = (inUse: Partial<VersionsInUse>): ReturnType<typeof judgeVersions> => judgeVersions({ current: null, ramping: null, pollers: [], runs: [], more: false, ...inUse }, { namespace: 'models', now: NOW });

describe('the versions of workers', () => {
  it('are no matter where no worker has one, whether or not one polls', () => {
    for (const pollers of [[], [polls(null)]]) expect(judge({ pollers })).toMatchObject({ state: 'ok', message: expect.stringContaining('no versions') as unknown, versions: { current: null, others: [] } });
  });

  it('are well where the current one is polled, also with runs that go on with it', () => {
    const check = judge({ current: V2, pollers: [polls(V2)], runs: carried(V1, 'auto-upgrade', 'a', 'b') });
    expect(check).toEqual({
      name: 'versions',
      state: 'ok',
      message: 'modelferry.2 is current; 2 runs are of modelferry.1 and go on with modelferry.2: a, b',
      versions: { current: V2, ramping: null, others: [{ version: V1, polled: false, lastPolledAt: null, pinned: [], autoUpgrade: ['a', 'b'] }], more: false },
    });
  });

  it('are well where an old one is polled that pinned runs need', () => {
    expect(judge({ current: V2, pollers: [polls(V2), polls(V1)], runs: carried(V1, 'pinned', 'a') })).toMatchObject({ state: 'ok', message: 'modelferry.2 is current; 1 run is pinned to modelferry.1, which a worker polls: a' });
  });

  it('fail where nobody has polled for 90 s the one that runs are pinned to, and tell both ways out', () => {
    const check = judge({ current: V2, pollers: [polls(V2), polls(V1, 91)], runs: carried(V1, 'pinned', 'a', 'b', 'c', 'd', 'e', 'f', 'g') });
    expect(check).toMatchObject({ state: 'fail', message: 'modelferry.2 is current; 7 runs are pinned to modelferry.1, which nobody polls: a, b, c, d, e, 2 more' });
    expect(check.next).toContain('ferry worker --deployment modelferry --build-id 1 --versioning pinned');
    expect(check.next).toContain('temporal workflow update-options --namespace models');
    expect(check.versions?.others[0]).toMatchObject({ polled: false, pinned: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] });
  });

  it('fail where nobody polls the current one, or the one that a share of the runs goes to', () => {
    expect(judge({ current: V2, pollers: [polls(V1)] })).toMatchObject({ state: 'fail', next: 'Start a worker of it: ferry worker --deployment modelferry --build-id 2' });
    expect(judge({ current: V1, ramping: { version: V2, percentage: 10 }, pollers: [polls(V1)] })).toMatchObject({ state: 'fail', message: 'modelferry.1 is current; 10 % of the runs go to modelferry.2, which nobody polls' });
    expect(judge({ current: V1, ramping: { version: V2, percentage: 10 }, pollers: [polls(V1), polls(V2)] })).toMatchObject({ state: 'ok' });
  });

  it('fail where a worker has one, none is current and no worker without one polls', () => {
    expect(judge({ pollers: [polls(V1)] })).toMatchObject({ state: 'fail', next: 'Make a version current: temporal worker deployment set-current-version --namespace models --deployment-name modelferry --build-id 1' });
  });

  it('are told of where a worker polls for nothing: the old one may go', () => {
    expect(judge({ current: V2, pollers: [polls(V2), polls(V1)] })).toMatchObject({ state: 'warn', message: 'modelferry.2 is current; a worker of modelferry.1 polled 5 s ago and no open run needs it', next: expect.stringContaining('Stop it, or') as unknown });
    expect(judge({ current: V2, pollers: [polls(V2), polls(null)] })).toMatchObject({ state: 'warn', message: expect.stringContaining('workers without a version polled 5 s ago and get no run') as unknown });
    expect(judge({ current: V2, pollers: [polls(V2), polls(V1, 91)] })).toMatchObject({ state: 'ok', message: 'modelferry.2 is current' });
  });

  it('say so where there are more runs than were looked at', () => {
    expect(judge({ current: V2, pollers: [polls(V2)], runs: carried(V1, 'auto-upgrade', 'a'), more: true })).toMatchObject({ message: expect.stringContaining('more runs') as unknown, versions: { more: true } });
  });
});

describe('ferry worker', () => {
  it.each([
    [['--deployment', 'modelferry'], {}, '--build-id is missing'],
    [['--build-id', '1'], {}, '--deployment is missing'],
    [['--make-current'], {}, '--deployment and --build-id are missing'],
    [['--versioning', 'pinned'], {}, '--deployment and --build-id are missing'],
    [[], { FERRY_BUILD_ID: '1', FERRY_DEPLOYMENT: '' }, '--deployment is missing'],
    [['--deployment', 'a.b', '--build-id', '1'], {}, '--deployment'],
    [['--deployment', 'a', '--build-id', 'a:b'], {}, '--build-id'],
    [['--deployment', 'a', '--build-id', '1', '--versioning', 'sticky'], {}, 'pinned or auto-upgrade'],
    [['--deployment', 'a', '--build-id', '1', '--make-current', 'never'], {}, 'nothing, new or always'],
  ])('%s with %o is refused before anything is started', async (args, env, said) => {
    const { code, err } = await call(['worker', ...args], { env });
    expect(code).toBe(2);
    expect(err).toContain(said);
  });

  it('takes a version from the environment, and a flag before it', async () => {
    const env = { FERRY_DEPLOYMENT: 'a.b', FERRY_BUILD_ID: '1' };
    expect((await call(['worker'], { env })).err).toContain('--deployment');
    // Past its options, it stops at the site that there is none of.
    expect((await call(['worker', '--deployment', 'a'], { env })).err).not.toContain('--deployment');
  });
});
