import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Env } from './tools.js';

/** A log that is this long at a start is put aside once, so that a home never holds more than twice of it. */
const LOG_LIMIT_BYTES = 20 * 1024 * 1024;

/** After SIGTERM; a server or worker that is still there then is stuck. */
const STOP_GRACE_MS = 10_000;

export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface BackgroundProcess {
  readonly pid: number;
  readonly logPath: string;
  /** Resolves when it is gone, never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** SIGTERM, then SIGKILL after `graceMs` (default 10 s); resolves when it is gone. Safe to call at any time. */
  stop(graceMs?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface BackgroundInput {
  file: string;
  args: readonly string[];
  env: Env;
  cwd: string;
  /** Takes stderr, and stdout unless `onStdoutLine` does; appended to, readable by the owner only. */
  logPath: string;
  onStdoutLine?: (line: string) => void;
}

/**
 * Starts a program as the leader of its own process group: a Ctrl-C at the terminal reaches us alone, and we end
 * things in the right order.
 * @throws Error when it cannot be started
 */
export async function startBackground({ file, args, env, cwd, logPath, onStdoutLine }: BackgroundInput): Promise<BackgroundProcess> {
  await putAsideLongLog(logPath);
  const log = openSync(logPath, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(file, args, { cwd, env, detached: true, windowsHide: true, stdio: ['ignore', onStdoutLine === undefined ? log : 'pipe', log] });
  } finally {
    closeSync(log); // the child has its own copy
  }
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} has no pid although it was started`);
  child.on('error', () => undefined); // only `kill` still raises it: the process is gone, which `ended` tells
  if (onStdoutLine !== undefined && child.stdout !== null) createInterface({ input: child.stdout }).on('line', onStdoutLine);

  let gone = false;
  void ended.then(() => {
    gone = true;
  });
  const kill = (signal: NodeJS.Signals): void => {
    if (!gone) signalGroup(pid, signal);
  };
  const stop = async (graceMs = STOP_GRACE_MS): Promise<void> => {
    kill('SIGTERM');
    const timer = setTimeout(() => kill('SIGKILL'), graceMs);
    await ended;
    clearTimeout(timer);
  };
  return { pid, logPath, ended, stop, kill };
}

/** Signals a process and its group; a process that is gone is no error. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    // Windows has no groups; there a negative pid is an error.
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function putAsideLongLog(logPath: string): Promise<void> {
  let size: number;
  try {
    size = (await stat(logPath)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  if (size > LOG_LIMIT_BYTES) await rename(logPath, `${logPath}.1`);
}

/** The newest lines of a log, oldest first; an empty list when there is no log. */
export async function lastLines(logPath: string, count: number): Promise<string[]> {
  const tailBytes = 16 * 1024;
  let file;
  try {
    file = await open(logPath, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(Math.min(size, tailBytes)), position: start });
    return buffer.toString('utf8', 0, bytesRead).split('\n').filter((line) => line.trim() !== '').slice(-count);
  } finally {
    await file.close();
  }
}
