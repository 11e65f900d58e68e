import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Names one boot of one host. A process id and its start time are unique within it. */
export interface HostIdentity {
  host: string;
  hostId: string;
  bootId: string;
}

/** Names one process for ever: the id alone is used again, the id with its start time within one boot is not. */
export interface ProcessIdentity {
  pid: number;
  pidStartedAt: string;
  bootId: string;
}

interface ProcessState {
  pid: number;
  group: number;
  session: number;
  startedAt: string;
  /** A zombie has ended; it only waits to be reaped, for ever where process 1 reaps nobody. */
  ended: boolean;
}

let self: HostIdentity | undefined;

export function hostIdentity(): HostIdentity {
  self ??= { host: hostname(), hostId: readHostId(), bootId: readBootId() };
  return self;
}

function readHostId(): string {
  let id = '';
  try {
    id = readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    // No systemd, or not Linux.
  }
  return createHash('sha256').update(id === '' ? `hostname:${hostname()}` : id).digest('hex').slice(0, 12);
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // macOS answers "{ sec = 1700000000, usec = 0 } Tue …".
    const text = run('sysctl', ['-n', 'kern.boottime']) ?? run('who', ['-b']) ?? 'unknown';
    return createHash('sha256').update(text.trim()).digest('hex').slice(0, 32);
  }
}

function run(command: string, args: string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return undefined;
  }
}

const hasProc = process.platform === 'linux';

function parseProcStat(pid: number, text: string): ProcessState | undefined {
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const startedAt = fields[19];
  if (startedAt === undefined) return undefined;
  return { pid, group: Number(fields[2]), session: Number(fields[3]), startedAt, ended: fields[0] === 'Z' || fields[0] === 'X' };
}

/** One line of `ps -o pid=,pgid=,stat=,lstart=`; there is no portable session id, the group stands in for it. */
function parsePsLine(line: string): ProcessState | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
  if (!match) return undefined;
  return { pid: Number(match[1]), group: Number(match[2]), session: Number(match[2]), startedAt: match[4] ?? '', ended: match[3]?.startsWith('Z') ?? false };
}

function processState(pid: number): ProcessState | undefined {
  if (!hasProc) return parsePsLine(run('ps', ['-o', 'pid=,pgid=,stat=,lstart=', '-p', String(pid)]) ?? '');
  try {
    return parseProcStat(pid, readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

function allProcesses(): ProcessState[] {
  const found = hasProc
    ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => processState(Number(name)))
    : (run('ps', ['-A', '-o', 'pid=,pgid=,stat=,lstart=']) ?? '').split('\n').map(parsePsLine);
  return found.filter((state) => state !== undefined);
}

/** When a process was started, in the system's own form; undefined if there is no such process. */
export function processStartedAt(pid: number): string | undefined {
  return processState(pid)?.startedAt;
}

/** Whether this very process still runs: false for a zombie, for another process that got its id, and after a reboot. */
export function isAlive(process: ProcessIdentity): boolean {
  if (process.bootId !== hostIdentity().bootId) return false;
  const state = processState(process.pid);
  return state !== undefined && !state.ended && state.startedAt === process.pidStartedAt;
}

function environmentKey(pid: number): string | undefined {
  if (!hasProc) return undefined;
  try {
    const line = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').find((entry) => entry.startsWith('FERRY_JOB_KEY='));
    return line?.slice('FERRY_JOB_KEY='.length);
  } catch {
    return undefined;
  }
}

/**
 * The live processes of a job besides its wrapper: those of the wrapper's session or group and, where the system
 * tells a process's environment, those that carry the job's key: a daemon leaves the session but keeps the key.
 */
export function membersOf(key: string, wrapper: ProcessIdentity): number[] {
  if (wrapper.bootId !== hostIdentity().bootId) return [];
  const processes = allProcesses().filter((state) => !state.ended);
  // If the wrapper's id names a younger process, the old group is empty: the kernel reuses no id that still names a group.
  const leader = processes.find((state) => state.pid === wrapper.pid);
  const groupIsOurs = leader === undefined || leader.startedAt === wrapper.pidStartedAt;
  return processes
    .filter((state) => {
      if (state.pid === wrapper.pid) return false;
      const inGroup = groupIsOurs && (state.session === wrapper.pid || state.group === wrapper.pid);
      const carried = environmentKey(state.pid);
      // A process of another job is never ours, even if that job was started from within this one.
      return carried === undefined ? inGroup : carried === key;
    })
    .map((state) => state.pid);
}

/** Sends a signal; a process that has ended meanwhile is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
