import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/temporal-server.js';
import { call, type Called } from './call.js';

const SPEC = `schema: modelferry.run/1
model: tiny
version: v1
stages:
  train: {attempts: [{command: [node, train.js]}]}
  convert: {job: {command: [node, convert.js]}}
  approve: {}
  publish: {}
`;

describe('ferry start', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
    await writeFile(join(server.home, 'spec.yaml'), SPEC);
  }, 120_000);
  afterAll(() => server.stop());

  const start = (...more: string[]): Promise<Called> => call(['start', 'spec.yaml', '--id', 'twice', ...more], { cwd: server.home, env: server.env });

  it('says of a run that was there before that nothing was started, with the same JSON answer', async () => {
    const first = await start('--json');
    expect(await start('--json')).toEqual(first);
    expect(await start()).toMatchObject({ code: 0, out: expect.stringContaining('run twice exists already, with the same spec; nothing was started') });
    expect((await start('--id', 'other')).out).toContain('run other is started');
  });
});
