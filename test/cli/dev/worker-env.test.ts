import { expect, it } from 'vitest';
import { workerEnv } from '../../../src/cli/dev/worker-process.js';

const WHERE = { home: '/h', address: '127.0.0.1:1', namespace: 'n' };

it.each([true, false])('the worker of ferry dev is of no version, which nobody would make current (own server: %s)', (ownServer) => {
  const env = workerEnv({ ...WHERE, ownServer, env: { FERRY_DEPLOYMENT: 'modelferry', FERRY_BUILD_ID: '1', FERRY_LOG_LEVEL: 'warn' } });
  expect(Object.keys(env)).not.toContain('FERRY_DEPLOYMENT');
  expect(Object.keys(env)).not.toContain('FERRY_BUILD_ID');
  expect(env['FERRY_LOG_LEVEL']).toBe('warn');
});

it('a server of our own is spoken to without the credentials of the environment, another one with them', () => {
  const env = { TEMPORAL_API_KEY: 'k' };
  expect(workerEnv({ ...WHERE, ownServer: true, env })).not.toHaveProperty('TEMPORAL_API_KEY');
  expect(workerEnv({ ...WHERE, ownServer: false, env })).toHaveProperty('TEMPORAL_API_KEY');
});
