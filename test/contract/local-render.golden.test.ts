import { describe, expect, it } from 'vitest';
import { renderLocalJob } from '../../src/activities/jobs/executors/local/render.js';
import { requestFor } from './job-kit.js';

const DEPS = { executorId: 'here', jobsRoot: '/var/ferry/jobs', storeRoot: '/var/ferry/store', wrapperPath: '/opt/ferry/wrapper.js', nodePath: '/usr/bin/node' };
const artifact = (kind: string, digit: string) => ({ kind, uri: `store://local-dir/sha256:${digit.repeat(64)}`, digest: `sha256:${digit.repeat(64)}`, bytes: 10 });

describe('a rendered local job', () => {
  const request = requestFor('', {
    key: 'uid-00000001.train.r1.a2',
    runUid: 'uid-00000001',
    attempt: 2,
    backend: 'nvidia',
    simulated: false,
    command: ['python', 'train.py', '--lr', '$LR; rm -rf /'],
    env: { OMP_NUM_THREADS: '4', HF_TOKEN: { secret: 'hf' }, FERRY_ATTEMPT: '99' },
    params: { steps: 100 },
    inputs: { dataset: artifact('dataset', 'a'), 'base-model': artifact('checkpoint', 'b') },
    code: artifact('code', 'c'),
    outputs: { checkpoint: { kind: 'checkpoint' }, report: { kind: 'evaluation', optional: true } },
    graceMs: 30_000,
  });

  it('is the same text for the same request, without a secret or a shell in it', async () => {
    await expect(`${JSON.stringify(renderLocalJob(request, DEPS), null, 2)}\n`).toMatchFileSnapshot('../golden/local/train.json');
  });

  it('lets no variable of a user stand in for one of the contract', () => {
    expect(renderLocalJob(request, DEPS).plan.env['FERRY_ATTEMPT']).toBe('2');
  });

  it('gives each server of a stage a folder of its own, and the job beside them their addresses', () => {
    const server = renderLocalJob({ ...request, key: 'uid-00000001.validateOnAscend.r1.a1.candidate', stage: 'validateOnAscend', server: 'candidate', serves: true, outputs: {} }, DEPS);
    expect(server.jobDir).toBe('/var/ferry/jobs/uid-00000001/validateOnAscend-candidate/uid-00000001.validateOnAscend.r1.a1.candidate');
    expect(server.plan).toMatchObject({ serves: true, identity: { server: 'candidate' } });
    const { plan } = renderLocalJob({ ...request, servers: { candidate: { url: 'http://127.0.0.1:8', backend: 'ascend (simulated)' } }, env: { FERRY_URL_CANDIDATE: 'http://elsewhere' } }, DEPS);
    expect(plan.env).toMatchObject({ FERRY_URL_CANDIDATE: 'http://127.0.0.1:8', FERRY_BACKEND_CANDIDATE: 'ascend (simulated)' });
    expect(plan.serves).toBeUndefined();
  });

  it('refuses names that would leave their directory, and inputs that would share a variable', () => {
    const refusal = expect.objectContaining({ code: 'bad_request' }) as unknown;
    expect(() => renderLocalJob({ ...request, key: '../../etc' }, DEPS)).toThrow(refusal as Error);
    expect(() => renderLocalJob({ ...request, stage: '..' }, DEPS)).toThrow(refusal as Error);
    expect(() => renderLocalJob({ ...request, outputs: { '../x': { kind: 'x' } } }, DEPS)).toThrow(refusal as Error);
    expect(() => renderLocalJob({ ...request, env: { 'A=B': '' } }, DEPS)).toThrow(refusal as Error);
    expect(() => renderLocalJob({ ...request, inputs: { 'a-b': artifact('dataset', 'a'), a_b: artifact('dataset', 'b') } }, DEPS)).toThrow(refusal as Error);
    expect(() => renderLocalJob(request, { ...DEPS, jobsRoot: 'jobs' })).toThrow(refusal as Error);
  });
});
