import { describe, expect, it } from 'vitest';
import { BUILT_IN_SITE, Limits, Site } from '../../src/domain/site.js';

const site = (change: object = {}): object => ({ schema: 'modelferry.site/1', approvers: [{ name: 'ana', roles: ['release-manager'] }], ...change });
const issuesOf = (raw: unknown): string[] => Site.safeParse(raw).error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? [];

describe('a site file', () => {
  it('of the demo has local jobs and one approver whose identity is asserted', () => {
    expect(Site.parse(BUILT_IN_SITE)).toMatchObject({
      name: 'built-in',
      executors: { local: { kind: 'local', backends: ['cpu', 'nvidia', 'ascend'] } },
      store: { kind: 'local-dir' },
      approvers: [{ name: 'demo-manager', roles: ['release-manager'] }],
      approval: { identity: 'asserted', excludeAuthor: true, roles: [{ role: 'release-manager', quorum: 1 }] },
    });
  });

  it('gives every limit a default in milliseconds, so that the heartbeat is shorter than a person\'s patience', () => {
    expect(Limits.parse({})).toEqual({ heartbeatTimeout: 15_000, pollInterval: 250, jobMaxDuration: 30 * 86_400_000, sweepInterval: 300_000, maxHistoryEvents: 4000 });
  });

  it.each<[string, object, string]>([
    ['releases of an unknown kind', site({ releases: { kind: 'ftp' } }), 'releases'],
    ['a root of releases at which tools would split references', site({ releases: { kind: 'oci-layout', root: '/data/a:b' } }), 'releases.root'],
    ['an executor of an unknown kind', site({ executors: { a: { kind: 'cloud' } } }), 'executors.a'],
    ['an executor id that could not be a queue', site({ executors: { 'A B': { kind: 'local' } } }), 'executors'],
    ['a person twice', site({ approvers: [{ name: 'ana', roles: ['release-manager'] }, { name: 'ana', roles: ['security'] }] }), 'approvers.1.name: one entry for each name; ana stands twice'],
    ['a quorum that its people cannot fill', site({ approval: { roles: [{ role: 'release-manager', quorum: 2 }] } }), 'approval.roles.0: at least 2 approvers in the role release-manager (the file names 1)'],
    ['a role without people', site({ approval: { roles: [{ role: 'security' }] } }), 'approval.roles.0: at least 1 approvers in the role security'],
    ['a policy that asks nobody', site({ approval: { roles: [] } }), 'approval.roles'],
    ['a role twice, of which the later would lower the floor', site({ approval: { roles: [{ role: 'release-manager' }, { role: 'release-manager' }] } }), 'approval.roles: each role once'],
    ['a secret with its value in it', site({ secrets: { hf: 'hf_abc' } }), 'secrets.hf'],
    ['a key of payloads that is no secret of the file', site({ secrets: { a: { env: 'A' } }, payloads: { encryption: { key: { secret: 'a' }, previous: [{ secret: 'b' }] } } }), 'payloads.encryption: secrets of this file; b is none'],
    ['a key of payloads in the file itself', site({ payloads: { encryption: { key: 'MDEyMzQ1Njc4OWFiY2RlZg==' } } }), 'payloads.encryption.key'],
    ['a name in another script', site({ approvers: [{ name: '\u0430na', roles: ['release-manager'] }] }), 'approvers.0.name'],
    ['more names than a run can carry', site({ operators: Array.from({ length: 200 }, (_, i) => `${'x'.repeat(90)}${i}`) }), 'operators: fewer operators'],
    ['more names than a gate can carry', site({ approvers: Array.from({ length: 200 }, (_, i) => ({ name: `${'x'.repeat(90)}${i}`, roles: ['release-manager'] })) }), 'approvers: fewer approvers'],
    ['an unknown key', site({ approver: [] }), 'Unrecognized key'],
  ])('is refused with %s', (_what, raw, problem) => {
    expect(issuesOf(raw).join('\n')).toContain(problem);
  });

  it('may name a thousand people', () => {
    expect(issuesOf(site({ approvers: Array.from({ length: 1000 }, (_, i) => ({ name: `person-${i}`, roles: ['release-manager'] })) }))).toEqual([]);
  });
});
