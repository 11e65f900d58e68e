import { describe, expect, it } from 'vitest';
import { planOf, planSiteOf, siteProblems, skipReasonOf } from '../../src/domain/plan.js';
import { BUILT_IN_SITE, Site } from '../../src/domain/site.js';
import { rolesOf } from '../../src/domain/site-view.js';
import { beginsAfter, isBefore, producersOf } from '../../src/domain/pipeline.js';
import { ladderOf } from '../../src/domain/sections.js';
import { RunSpec, runSpecOf, type RunSpecInput } from '../../src/domain/spec.js';
import { RELEASE_PIPELINE, RELEASE_STAGES, STAGE_NAMES } from '../../src/domain/stage.js';
import { FULL_SPEC, digest, specOf } from './kit.js';

const JOB = { job: { command: ['x'] } };
const minimal = (change: Partial<RunSpecInput> = {}): object => ({ schema: 'modelferry.run/1', model: 'm', version: '1', stages: { prepareData: JOB }, ...change });

const TRAIN = { attempts: [{ command: ['x'] }] };
const specInput = (change: Partial<RunSpecInput>): object => ({ ...FULL_SPEC, ...change });

/** Path and message of every issue. */
const issuesOf = (raw: unknown): string[] => RunSpec.safeParse(raw).error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? [];

describe('a run spec', () => {
  it('fills in what is not said', () => {
    const spec = RunSpec.parse(minimal());
    expect(ladderOf(spec, 'prepareData')).toEqual([
      { command: ['x'], executor: 'local', backend: 'cpu', simulated: false, params: {}, env: {}, grace: 30_000, failures: 3, tryAgain: 20, backoff: 5000, backoffMax: 300_000, keepCheckpoints: 3 },
    ]);
    expect(spec).toMatchObject({ pipeline: 'releaseModel', params: {}, inputs: {}, repair: { deadline: 30 * 86_400_000 } });
    expect(specOf().stages.approve).toMatchObject({ deadline: 7 * 86_400_000, onExpiry: 'reject' });
  });

  it('parses the same when it is parsed as it was written, again and again', () => {
    expect(RunSpec.parse(structuredClone(FULL_SPEC))).toEqual(specOf());
  });

  it.each<[string, object, string]>([
    ['a key that it does not know', minimal({ modle: 'x' } as object), 'Unrecognized key'],
    ['another schema', { ...minimal(), schema: 'modelferry.run/9' }, 'schema: '],
    ['no stage', minimal({ stages: {} }), 'stages: at least one stage'],
    ['a stage that does not exist', minimal({ stages: { traim: JOB } }), 'Unrecognized key'],
    ['a name that could leave its folder', minimal({ model: '../m' }), 'model: a model name'],
    ['a name with a space', minimal({ model: 'my model' }), 'model: a model name'],
    ['an author who looks like another', minimal({ author: 'an\u0430' }), 'author: a name of ASCII letters'],
    ['a command of no words', minimal({ stages: { prepareData: { job: { command: [] } } } }), 'stages.prepareData.job.command: '],
    ['a publication that nobody approves', minimal({ inputs: { model: { artifact: digest(1) } }, stages: { publish: {} } }), 'stages.publish: a stage approve before it'],
    ['a conversion of nothing', minimal({ stages: { convert: JOB } }), 'stages.convert: its input checkpoint: add the stage train, or give checkpoint under inputs'],
    ['an approval of nothing', minimal({ stages: { approve: {} } }), 'stages.approve: its input model: add the stage convert, or give model under inputs'],
    ['an input that nothing reads', minimal({ inputs: { quality: { artifact: digest(1) } } }), 'inputs.quality: a stage after assessQuality that reads quality'],
    ['a roll-out of nothing', minimal({ stages: { rollOut: JOB } }), 'stages.rollOut: its input release: add the stages approve and publish'],
    ['a roll-out of what nobody published', minimal({ inputs: { checkpoint: { artifact: digest(1) } }, stages: { convert: JOB, rollOut: JOB } }), 'stages.rollOut: its input release: add the stages approve and publish'],
    ['a release from outside, which would skip its approval', specInput({ inputs: { release: { artifact: digest(1) } } }), 'inputs.release: no release: publish makes one'],
    ['a conversion whose training is skipped', minimal({ inputs: { quality: { artifact: digest(1) } }, stages: { train: TRAIN, convert: JOB, approve: {} } }), 'stages.convert: its input checkpoint: add the stage train, or give checkpoint under inputs'],
    ['an approval whose conversion is skipped', minimal({ inputs: { validation: { artifact: digest(1) } }, stages: { train: TRAIN, convert: JOB, approve: {} } }), 'stages.approve: its input model: add the stage convert, or give model under inputs'],
    ['an input that no stage makes', minimal({ inputs: { weights: { artifact: digest(1) } } }), 'inputs'],
    ['a digest that is a tag', minimal({ inputs: { dataset: { artifact: 'latest' } }, stages: { train: { attempts: [{ command: ['x'] }] } } }), 'inputs.dataset'],
    ['silence that consents', minimal({ stages: { ...FULL_SPEC.stages, approve: { onExpiry: 'approve' as 'reject' } } }), 'stages.approve.onExpiry'],
    ['no attempt', minimal({ stages: { train: { attempts: [] } } }), 'stages.train.attempts'],
    ['an endless deadline', minimal({ stages: { ...FULL_SPEC.stages, approve: { deadline: 'for ever' } } }), 'stages.approve.deadline: a duration such as'],
    ['more approvals than a run can carry', minimal({ stages: { ...FULL_SPEC.stages, approve: { roles: [{ role: 'a', quorum: 21 }] } } }), 'stages.approve.roles: at most 20 approvals in all'],
    ['a role twice', minimal({ stages: { ...FULL_SPEC.stages, approve: { roles: [{ role: 'a' }, { role: 'a', quorum: 2 }] } } }), 'stages.approve.roles: each role once'],
    ['an environment variable of the shell\'s', minimal({ stages: { prepareData: { job: { command: ['x'], env: { 'A B': '1' } } } } }), 'stages.prepareData.job.env'],
  ])('refuses %s', (_what, raw, problem) => {
    expect(issuesOf(raw).join('\n')).toContain(problem);
  });

  it('asks for no input of a stage that it skips, and takes a given one for one that is made', () => {
    const skipped = minimal({ inputs: { model: { artifact: digest(1) } }, stages: { convert: JOB, approve: {} } });
    const given = minimal({ inputs: { quality: { artifact: digest(1) }, checkpoint: { artifact: digest(2) } }, stages: { train: TRAIN, convert: JOB, approve: {} } });
    expect([issuesOf(skipped), issuesOf(given)]).toEqual([[], []]);
  });

  it('may begin anywhere: the stages up to the one that would have made the last given input are skipped', () => {
    const spec = specOf({ inputs: { dataset: { artifact: digest(1) }, checkpoint: { path: 'ckpt' } } });
    expect(beginsAfter(RELEASE_PIPELINE, spec)).toEqual({ stage: 'train', input: 'checkpoint' });
    expect(STAGE_NAMES.filter((name) => skipReasonOf(RELEASE_PIPELINE, spec, name) === undefined)).toEqual(['preflight', 'assessQuality', 'convert', 'validateOnAscend', 'approve', 'publish', 'rollOut']);
    expect(skipReasonOf(RELEASE_PIPELINE, spec, 'label')).toBe('the run begins after train: its input checkpoint is given');
    expect(beginsAfter(RELEASE_PIPELINE, specOf())).toBeUndefined();
    expect(skipReasonOf(RELEASE_PIPELINE, RunSpec.parse(minimal()), 'train')).toBe('the spec leaves it out');
  });

  it('keeps the attempts of the training in their order', () => {
    expect(ladderOf(specOf(), 'train').map((plan) => [plan.backend, plan.simulated])).toEqual([['ascend', true], ['nvidia', false]]);
    expect(ladderOf(RunSpec.parse(minimal()), 'train')).toEqual([]);
  });
});

describe('the stages', () => {
  it('stand in the order of the design, and each reads only what an earlier one makes', () => {
    expect(STAGE_NAMES).toEqual(['preflight', 'prepareData', 'label', 'train', 'assessQuality', 'convert', 'validateOnAscend', 'approve', 'publish', 'rollOut']);
    for (const stage of STAGE_NAMES)
      for (const name of Object.keys(RELEASE_STAGES[stage].consumes)) {
        const producer = producersOf(RELEASE_PIPELINE).get(name);
        expect(producer === undefined ? false : isBefore(RELEASE_PIPELINE, producer, stage), `${stage} reads ${name}`).toBe(true);
      }
    expect(isBefore(RELEASE_PIPELINE, 'train', 'train')).toBe(false);
  });

  it('make every artifact once', () => {
    const made = STAGE_NAMES.flatMap((stage) => Object.keys(RELEASE_STAGES[stage].produces));
    expect(new Set(made).size).toBe(made.length);
  });
});

describe('the plan of a spec', () => {
  const site = planSiteOf(Site.parse({ ...BUILT_IN_SITE, secrets: { hf: { env: 'HF' } }, approvers: [{ name: 'ana', roles: ['release-manager', 'security'] }, { name: 'ed', roles: ['release-manager'] }] }));

  it('tells of every stage whether and how it is taken, and who must approve', () => {
    const plan = planOf(RELEASE_PIPELINE, specOf(), site, 'someone');
    expect(plan.stages.map((stage) => stage.name)).toEqual(STAGE_NAMES);
    expect(plan.stages.find((stage) => stage.name === 'train')).toMatchObject({ skipped: false, reason: null, consumes: ['dataset', 'labels'], produces: ['checkpoint'], attempts: [{ backend: 'ascend', simulated: true, executor: 'local' }, { backend: 'nvidia' }] });
    expect(plan.approvals).toMatchObject([
      { gate: 'approve', role: 'release-manager', quorum: 1, members: ['ana'], identity: 'asserted', onExpiry: 'reject', deadlineMs: 7 * 86_400_000 },
      { gate: 'approve', role: 'security', quorum: 2, members: ['ana'] },
    ]);
  });

  it('counts neither the author nor whoever starts the run among those who may decide', () => {
    const free = { ...site, approval: { ...site.approval, excludeAuthor: false } };
    expect(planOf(RELEASE_PIPELINE, specOf(), site, 'ana').approvals[0]).toMatchObject({ role: 'release-manager', members: [] });
    expect(planOf(RELEASE_PIPELINE, specOf(), site, 'ana').problems[0]).toMatchObject({ found: 'the role release-manager with nobody who may decide' });
    expect(planOf(RELEASE_PIPELINE, specOf(), free, 'ana').approvals[0]).toMatchObject({ members: ['ana', 'ed'] });
  });

  it('says before anything starts that a gate can never be passed', () => {
    expect(planOf(RELEASE_PIPELINE, specOf(), site, 'someone').problems).toMatchObject([{ path: 'stages.approve', found: 'the role security with ana who may decide', expected: 'at least 2' }]);
  });

  it('finds executors, backends and secrets that the site does not have, with what was meant', () => {
    const job = (change: object): RunSpec => RunSpec.parse(minimal({ stages: { prepareData: { job: { command: ['x'], ...change } } } }));
    const narrow = { ...site, executors: { local: { backends: ['cpu'] } } };
    expect(siteProblems(RELEASE_PIPELINE, job({ executor: 'locl' }), site)).toMatchObject([{ path: 'stages.prepareData.job.executor', found: 'the executor locl', suggestion: 'did you mean local?' }]);
    expect(siteProblems(RELEASE_PIPELINE, job({ executor: 'constructor' }), site)).toHaveLength(1);
    expect(siteProblems(RELEASE_PIPELINE, job({ backend: 'ascend' }), narrow)).toMatchObject([{ path: 'stages.prepareData.job.backend', expected: 'a backend of the executor local: cpu' }]);
    expect(siteProblems(RELEASE_PIPELINE, job({ env: { HF_TOKEN: { secret: 'hg' } } }), site)).toMatchObject([{ path: 'stages.prepareData.job.env.HF_TOKEN.secret', suggestion: 'did you mean hf?' }]);
    expect(siteProblems(RELEASE_PIPELINE, job({ env: { HF_TOKEN: { secret: 'hf' } } }), site)).toEqual([]);
  });

  it('looks at no stage that is skipped', () => {
    const spec = specOf({ inputs: { model: { artifact: digest(1) } } });
    expect(siteProblems(RELEASE_PIPELINE, { ...spec, stages: { ...spec.stages, train: { attempts: ladderOf(spec, 'train').map((plan) => ({ ...plan, executor: 'gone' })) } } }, site)).toEqual([]);
  });
});

describe('the roles of a gate', () => {
  const floor = { approval: { identity: 'asserted' as const, excludeAuthor: true, roles: [{ role: 'release-manager', quorum: 2, members: ['ana', 'bo'] }] }, members: { security: ['dee'], 'release-manager': ['ana', 'bo'] } };

  it('are the site\'s, which a spec can raise and add to, and never lower', () => {
    expect(rolesOf(floor, [])).toEqual(floor.approval.roles);
    expect(rolesOf(floor, [{ role: 'release-manager', quorum: 1 }])).toEqual(floor.approval.roles);
    expect(rolesOf(floor, [{ role: 'release-manager', quorum: 3 }])).toEqual([{ role: 'release-manager', quorum: 3, members: ['ana', 'bo'] }]);
    expect(rolesOf(floor, [{ role: 'security', quorum: 1 }])).toEqual([...floor.approval.roles, { role: 'security', quorum: 1, members: ['dee'] }]);
  });

  it('have nobody where the site names nobody, rather than anybody', () => {
    expect(rolesOf(floor, [{ role: 'legal', quorum: 1 }])[1]).toEqual({ role: 'legal', quorum: 1, members: [] });
    expect(rolesOf(floor, [{ role: 'constructor', quorum: 1 }])[1]).toEqual({ role: 'constructor', quorum: 1, members: [] });
  });
});

describe('the roles that a pipeline asks itself', () => {
  const approve = (roles: unknown): unknown => {
    const pipeline = { schema: 'modelferry.pipeline/1' as const, name: 'guarded', inputs: { model: { kind: 'model' } }, stages: { approve: { title: 'Approve', section: 'approval' as const, consumes: { model: { kind: 'model' } }, produces: {}, defaults: { roles: [{ role: 'safety', quorum: 2 }] } } } };
    const parsed = runSpecOf(pipeline).safeParse({ schema: 'modelferry.run/1', model: 'tiny', version: '1', inputs: { model: { artifact: digest('model') } }, stages: { approve: roles === undefined ? {} : { roles } } });
    return parsed.success ? parsed.data.stages['approve']?.roles : parsed.error.issues.map(({ message }) => message);
  };

  it('are kept whatever the spec says: it adds roles and raises quorums', () => {
    expect(approve(undefined)).toEqual([{ role: 'safety', quorum: 2 }]);
    expect(approve([])).toEqual([{ role: 'safety', quorum: 2 }]);
    expect(approve([{ role: 'safety' }])).toEqual([{ role: 'safety', quorum: 2 }]);
    expect(approve([{ role: 'legal' }])).toEqual([{ role: 'safety', quorum: 2 }, { role: 'legal', quorum: 1 }]);
    expect(approve([{ role: 'safety', quorum: 3 }])).toEqual([{ role: 'safety', quorum: 3 }]);
    expect(approve([{ role: 'safety' }, { role: 'safety' }])).toEqual(['each role once']);
    expect(approve('nobody')).not.toEqual([{ role: 'safety', quorum: 2 }]);
  });
});
