// The files of examples/deploy: what can be known of them where no container can be built.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Site } from '../../src/domain/site.js';
import { ROOT } from '../support/sources.js';
import { problemsOfCall } from './typed-calls.js';

const read = (file: string): string => readFileSync(join(ROOT, 'examples/deploy', file), 'utf8');
const hasCompose = spawnSync('docker', ['compose', 'version']).status === 0;

interface Compose {
  services: { worker: { environment: string[]; volumes: string[]; secrets: string[]; hostname: string } };
  volumes: object;
  secrets: object;
}

/** The instructions of a Dockerfile, lines that go on joined. */
const instructions = (text: string): string[] => text.replaceAll(/\\\n/g, ' ').split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('the container of a worker', () => {
  it('is built of instructions that there are, and copies what a project has', () => {
    const lines = instructions(read('Dockerfile'));
    expect(lines[0]).toMatch(/^FROM node:20/);
    for (const line of lines) expect(line).toMatch(/^(?:FROM|RUN|WORKDIR|COPY|USER|ENV|ENTRYPOINT|CMD) \S/);
    const scripts = (JSON.parse(readFileSync(join(ROOT, 'examples/custom-pipeline/package.json'), 'utf8')) as { scripts: object }).scripts;
    for (const [, script = ''] of read('Dockerfile').matchAll(/npm run (\S+)/g)) expect(Object.keys(scripts)).toContain(script);
  });

  it('starts a command that there is, as somebody else than root, with a process that passes signals on', async () => {
    const text = read('Dockerfile');
    const list = (instruction: string): string[] => JSON.parse(new RegExp(`^${instruction} (\\[.*\\])$`, 'm').exec(text)?.[1] ?? '[]') as string[];
    expect(list('ENTRYPOINT')).toEqual(['/usr/bin/tini', '--', '/app/node_modules/.bin/ferry']);
    expect(await problemsOfCall(['ferry', ...list('CMD')])).toEqual([]);
    expect(text).toMatch(/^USER (?!root)/m);
  });

  it('keeps its home on a volume, has a site file that is valid, and finds each secret of it where compose puts it', () => {
    const { services, volumes, secrets } = parse(read('compose.yaml')) as Compose;
    const site = Site.parse(parse(read('ferry.site.yaml')));
    expect(services.worker.volumes).toContain('data:/data');
    expect(Object.keys(volumes)).toEqual(['data']);
    expect(read('Dockerfile')).toContain('FERRY_HOME=/data FERRY_SITE=/etc/ferry/ferry.site.yaml');
    for (const path of [site.store.path, site.releases.root, site.executors['local']?.jobsRoot]) expect(path).toMatch(/^\/data\//);
    const mounted = services.worker.secrets.map((name) => `/run/secrets/${name}`);
    for (const secret of Object.values(site.secrets)) expect('file' in secret && mounted.includes(secret.file)).toBe(true);
    expect(Object.keys(secrets)).toEqual(services.worker.secrets);
    // A name that changes with each container would leave its jobs on a queue that nobody polls.
    expect(services.worker.hostname).not.toBe('');
  });

  it.runIf(hasCompose)('is a file that docker compose reads (skipped where docker is missing)', () => {
    const { status, stderr } = spawnSync('docker', ['compose', '-f', join(ROOT, 'examples/deploy/compose.yaml'), 'config', '--quiet'], { encoding: 'utf8', env: { ...process.env, PROJECT: '.', HF_TOKEN_FILE: 'token' } });
    expect([status, stderr]).toEqual([0, '']);
  });
});
