import type { Client, Connection } from '@temporalio/client';
import type { Command } from 'commander';
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { connect, grpcStatus, type FerryConnection } from '../../client/connect.js';
import { ClientError, messageOf } from '../../client/errors.js';
import { isErrno } from '../../client/home.js';
import { createCommand, missingSearchAttributes } from '../../client/search-attributes.js';
import { versionsInUse } from '../../client/versions.js';
import { WORKFLOW_QUEUE } from '../../domain/ids.js';
import { InvalidDocument } from '../../engines/config/invalid-document.js';
import { loadSite } from '../../engines/config/load-site.js';
import { findServer, ServerNotFoundError } from '../../engines/temporal-server/find-server.js';
import { findPythons } from '../../engines/temporal-server/wheel.js';
import { PayloadError } from '../../engines/payload-crypto/payload-error.js';
import { POLLER_FRESH_MS, type Check } from '../check.js';
import type { CliContext } from '../context.js';
import { keysOf } from '../payloads.js';
import { judgeVersions } from '../worker-versions.js';

/** What the hashing library asks for. */
const OLDEST_NODE: readonly [number, number] = [20, 19];
/** A small rehearsal needs some hundred MB; the store of a real model needs far more than the warning. */
const FREE_FAIL_BYTES = 512 * 1024 * 1024;
const FREE_WARN_BYTES = 10 * 1024 * 1024 * 1024;
const GRPC_NOT_FOUND = 5;
const TASK_QUEUE_TYPE_WORKFLOW = 1;

export function configure(command: Command): void {
  command.description('check this machine, the site file, the server and its workers').addHelpText(
    'after',
    `
Exits 0 when nothing fails (warnings are fine), 1 otherwise.

Examples:
  $ ferry doctor
  $ ferry doctor --json
  $ ferry doctor --profile prod --site prod.site.yaml`,
  );
}

/** Resolves with 0 when no check fails, else 1. */
export async function run(context: CliContext): Promise<number> {
  const local = await Promise.all([checkNode(), checkHome(context.home), checkTemporalBinary(context), checkPython(context)]);
  const { checks: remote, ownServer } = await checkServer(context);
  const checks = [...local, await checkSite(context, ownServer), ...remote];
  const ok = checks.every(({ state }) => state !== 'fail');
  context.stdout.write(context.json ? `${JSON.stringify({ ok, checks })}\n` : asText(checks, ok));
  return ok ? 0 : 1;
}

function asText(checks: readonly Check[], ok: boolean): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, state, message, next }) => [`${state.padEnd(4)}  ${name.padEnd(width)}  ${message}`, ...(next === undefined ? [] : [`${' '.repeat(width + 8)}→ ${next}`])]);
  return `${lines.join('\n')}\n\n${ok ? 'Nothing fails.' : 'Something fails: see the arrows.'}\n`;
}

async function checkNode(): Promise<Check> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return { name: 'node', state: ok ? 'ok' : 'fail', message: process.version, ...(ok ? {} : { next: `Install Node.js ${OLDEST_NODE.join('.')} or newer` }) };
}

async function checkHome(home: string): Promise<Check> {
  const name = 'home';
  // A home that was never used is made by ferry dev; what matters then is the nearest folder that is there.
  let folder = home;
  for (;;) {
    try {
      await access(folder, constants.W_OK | constants.X_OK);
      break;
    } catch (error) {
      if (isErrno(error, 'ENOENT') && folder !== dirname(folder)) {
        folder = dirname(folder);
        continue;
      }
      return { name, state: 'fail', message: `${folder} cannot be written: ${messageOf(error)}`, next: 'Set FERRY_HOME to a folder of yours' };
    }
  }
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const message = `${home}${folder === home ? '' : ' (not there yet)'}, ${(free / 1024 ** 3).toFixed(1)} GiB free`;
  if (free < FREE_FAIL_BYTES) return { name, state: 'fail', message, next: 'Free some space, or set FERRY_HOME to a larger disk' };
  if (free < FREE_WARN_BYTES) return { name, state: 'warn', message, next: 'Little for checkpoints: set FERRY_HOME to a larger disk' };
  return { name, state: 'ok', message };
}

async function checkTemporalBinary({ home, env }: CliContext): Promise<Check> {
  const name = 'temporal-binary';
  try {
    const { path, version } = await findServer({ toolsDir: join(home, 'tools'), env, download: false });
    return { name, state: 'ok', message: `${path}: ${version}` };
  } catch (error) {
    if (!(error instanceof ServerNotFoundError)) throw error;
    return { name, state: 'warn', message: `none yet (${error.tried.slice(0, -1).join('; ')})`, next: 'ferry dev downloads it; with a server of your own it is not needed' };
  }
}

async function checkPython({ env }: CliContext): Promise<Check> {
  const [python] = await findPythons(env);
  if (python !== undefined) return { name: 'python', state: 'ok', message: `${python.path}: ${python.version}` };
  return { name: 'python', state: 'warn', message: 'no Python 3 on PATH', next: 'Install it if your training runs here; the example hello needs none' };
}

async function checkSite(context: CliContext, ownServer: boolean): Promise<Check> {
  const name = 'site';
  const { sitePath, env, cwd } = context;
  try {
    const { source } = await loadSite({ path: sitePath, env: env['FERRY_SITE'], cwd, builtIn: ownServer });
    const keys = await keysOf(context);
    if (source !== 'built-in') return { name, state: 'ok', message: `${source}${keys === undefined ? '' : `, payloads encrypted with the key ${keys.current.id}`}` };
    return { name, state: 'warn', message: 'the built-in site of ferry dev: local jobs, one approver, identity asserted', next: 'Before a real release write one: ferry schema site' };
  } catch (error) {
    if (error instanceof PayloadError) return { name, state: 'fail', message: error.message, next: 'Put the secret right, then: ferry doctor' };
    if (!(error instanceof InvalidDocument)) throw error;
    const problems = error.problems.map(({ path, found, expected, suggestion }) => `${path}: found ${found}, expected ${expected}${suggestion === undefined ? '' : ` (${suggestion})`}`);
    return { name, state: 'fail', message: `${error.message}: ${problems.join('; ')}`, next: `Put ${error.file} right, then: ferry doctor` };
  }
}

async function checkServer({ connection, home, env }: CliContext): Promise<{ checks: Check[]; ownServer: boolean }> {
  let ferry: FerryConnection;
  try {
    ferry = await connect({ ...connection, home, env });
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const unseen = ['namespace', 'search-attributes', 'worker', 'versions'].map((name) => unchecked(name, 'no server answers'));
    return { checks: [{ name: 'server', state: 'fail', message: error.message, next: error.hint }, ...unseen], ownServer: true };
  }
  try {
    const { client, connection: server, namespace, address, source } = ferry;
    const { serverVersion } = await server.workflowService.getSystemInfo({});
    const reached: Check = { name: 'server', state: 'ok', message: `${address}, version ${serverVersion}, named by ${source === 'ferry dev' ? 'the running ferry dev' : `the ${source}`}` };
    const found = await checkNamespace(server, namespace);
    if (found.state !== 'ok') return { checks: [reached, found], ownServer: source === 'ferry dev' };
    const attributes = await checkSearchAttributes(server, namespace);
    // Runs are found by them, and the check before says already what to do.
    const versions = attributes.state === 'fail' ? unchecked('versions', 'the search attributes are not there') : await checkVersions(client);
    return { checks: [reached, found, attributes, await checkWorker(server, namespace), versions], ownServer: source === 'ferry dev' };
  } finally {
    await ferry.close();
  }
}

const unchecked = (name: string, since: string): Check => ({ name, state: 'warn', message: `not checked, since ${since}` });

async function checkNamespace(server: Connection, namespace: string): Promise<Check> {
  try {
    const { config } = await server.workflowService.describeNamespace({ namespace });
    const days = Math.round(Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 86_400);
    return { name: 'namespace', state: 'ok', message: `${namespace}, keeps ended runs for ${days} ${days === 1 ? 'day' : 'days'}` };
  } catch (error) {
    const missing = grpcStatus(error) === GRPC_NOT_FOUND;
    const next = missing ? `Make it with: temporal operator namespace create --namespace ${namespace}, or name another with --namespace` : 'Check what these credentials may do';
    return { name: 'namespace', state: 'fail', message: missing ? `${namespace} does not exist` : `${namespace}: ${messageOf(error)}`, next };
  }
}

async function checkSearchAttributes(server: Connection, namespace: string): Promise<Check> {
  const name = 'search-attributes';
  try {
    const missing = await missingSearchAttributes(server, namespace);
    if (missing.length === 0) return { name, state: 'ok', message: 'all there' };
    return { name, state: 'fail', message: `missing: ${missing.join(', ')}`, next: createCommand(namespace, missing) };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    // Not being allowed to look is no fault: an admin may have added them.
    return { name, state: error.code === 'search_attributes_denied' ? 'warn' : 'fail', message: error.message, next: error.hint };
  }
}

async function checkWorker(server: Connection, namespace: string): Promise<Check> {
  const name = 'worker';
  const { pollers } = await server.workflowService.describeTaskQueue({ namespace, taskQueue: { name: WORKFLOW_QUEUE }, taskQueueType: TASK_QUEUE_TYPE_WORKFLOW });
  const fresh = (pollers ?? []).filter(({ lastAccessTime }) => Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < POLLER_FRESH_MS);
  const identities = [...new Set(fresh.map(({ identity }) => identity ?? 'unnamed'))];
  if (identities.length > 0) return { name, state: 'ok', message: `queue ${WORKFLOW_QUEUE} is polled by ${identities.join(', ')}` };
  return { name, state: 'fail', message: `nobody polls the queue ${WORKFLOW_QUEUE}: runs wait`, next: 'Start one with: ferry worker --site FILE, or ferry dev' };
}

async function checkVersions(client: Client): Promise<Check> {
  try {
    return judgeVersions(await versionsInUse(client), { namespace: client.options.namespace, now: Date.now() });
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    // An older server knows no versions of workers: nothing of it fails by that.
    return { name: 'versions', state: 'warn', message: error.message, next: error.hint };
  }
}
