import { spawn } from 'node:child_process';
import { closeSync, fsyncSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { systemCode } from '../artifacts/store-error.js';
import { copyTree, listTree } from '../artifacts/tree.js';
import { packageFile } from '../package-files.js';
import { freePort } from './free-port.js';
import { delimiter } from 'node:path';
import { jobPaths } from './job-dir.js';
import type { JobRecord, StartRecord } from './job-dir.js';
import { hostIdentity, processStartedAt } from './process-identity.js';

/** Makes the directories, parameters and code that a program finds when it starts. */
export async function prepare(jobDir: string, record: JobRecord): Promise<void> {
  const paths = jobPaths(jobDir);
  for (const directory of [paths.out, paths.ownCheckpoints, paths.work]) mkdirSync(directory, { recursive: true });
  writeFileSync(paths.params, JSON.stringify(record.params, null, 1));
  // Writable copies: a program may build, cache or patch beside its code, and must never reach the stored files by that.
  if (record.codeDir !== undefined) await copyTree(await listTree(record.codeDir), paths.work, { writable: true });
}

export interface ProgramEnd {
  exitCode: number | null;
  signal: string | null;
}

export interface StartedProgram {
  start: StartRecord;
  end: Promise<ProgramEnd>;
}

/** Where programs are on any system, for a worker that has no PATH of its own. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** The wrapper's own environment, without what another job around it may have been told: inputs that aren't this job's. */
function inherited({ secretNames }: JobRecord): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => secretNames.includes(name) || !/^FERRY_(?:(?:INPUT|URL|BACKEND)_.*|RESUME_FROM|PORT)$/.test(name)));
}

/**
 * Starts the program in the wrapper's own process group and leaves a start record on the disk. Throws the system's
 * error if the command can't be started, with no record then.
 */
export async function startProgram(jobDir: string, record: JobRecord): Promise<StartedProgram> {
  const paths = jobPaths(jobDir);
  // Opened first: a start that could not be recorded must not happen.
  const starts = openSync(paths.starts, 'a');
  const log = openSync(paths.log, 'a');
  try {
    const [command = '', ...args] = record.command;
    const given = { ...inherited(record), ...record.env };
    const env = {
      ...given,
      // The worker's own `ferry` comes first: a job of this run must not be carried out by another version.
      PATH: [packageFile('bin'), given['PATH'] || DEFAULT_PATH].join(delimiter),
      // For that `ferry`: the Node.js of the worker, wherever the PATH leads.
      FERRY_NODE: process.execPath,
      ...(record.resume && { FERRY_RESUME_FROM: record.resume.path }),
      ...(record.serves && { FERRY_PORT: String(await freePort()) }),
    };
    const child = spawn(command, args, { cwd: paths.work, env, stdio: ['ignore', log, log], shell: false });
    const end = new Promise<ProgramEnd>((resolve) => child.once('exit', (exitCode, signal) => resolve({ exitCode, signal })));
    const failure = new Promise<Error>((resolve) => child.once('error', resolve));
    if (child.pid === undefined) throw explained(await failure, command);
    // In the same turn as the start: a wrapper that is killed now leaves hardly a moment without the record.
    const start: StartRecord = { pid: child.pid, pidStartedAt: processStartedAt(child.pid) ?? '', ...hostIdentity(), at: new Date().toISOString() };
    writeSync(starts, `${JSON.stringify(start)}\n`);
    fsyncSync(starts);
    return { start, end };
  } finally {
    closeSync(starts);
    closeSync(log);
  }
}

/** "spawn x ENOENT" tells nobody what to do. */
function explained(error: Error, command: string): Error {
  if (systemCode(error) !== 'ENOENT') return error;
  return new Error(`there is no program ${command} ${command.includes('/') ? 'in the code of the run' : 'on the PATH of the worker'}: put the command right, or install it there`, { cause: error });
}
