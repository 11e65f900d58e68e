import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { ClientError, EXIT_USAGE, messageOf } from './errors.js';

/** Environment variables as a caller hands them in; only the CLI and the workers read `process.env`. */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * The folder for the data of `ferry dev` when no flag names one: `FERRY_HOME`, else the user's data folder of the
 * platform. Absolute, not created here.
 */
export function defaultHome({ env, platform = process.platform, userHome = homedir() }: { env: Env; platform?: NodeJS.Platform; userHome?: string }): string {
  if (env['FERRY_HOME']) return resolve(env['FERRY_HOME']);
  if (env['XDG_DATA_HOME']) return resolve(env['XDG_DATA_HOME'], 'modelferry');
  if (platform === 'darwin') return join(userHome, 'Library', 'Application Support', 'modelferry');
  if (platform === 'win32') return join(env['LOCALAPPDATA'] || join(userHome, 'AppData', 'Local'), 'modelferry');
  return join(userHome, '.local', 'share', 'modelferry');
}

/** A process that is told apart from a later one with the same pid, also after a reboot. */
export const ProcessRef = z.object({ pid: z.number().int().positive(), pidStartedAt: z.string(), bootId: z.string() });
export type ProcessRef = z.infer<typeof ProcessRef>;

/** `dev.json`: what runs for a home. Its first five fields are the answer of `ferry dev --json`. */
export const DevFile = z.object({
  address: z.string().min(1),
  namespace: z.string().min(1),
  /** The base of links into the Web UI; null when there is none (`--headless`, or a server of someone else). */
  ui: z.string().nullable(),
  home: z.string(),
  pids: z.object({ server: z.number().int().nullable(), workers: z.array(z.number().int()) }),
  startedAt: z.string(),
  /** The absolute path of its site file; older ones did not tell. */
  site: z.string().optional(),
  /** `ferry dev` itself, and its children with their starts, so that a leftover is never mistaken. */
  dev: ProcessRef,
  processes: z.object({ server: ProcessRef.nullable(), workers: z.array(ProcessRef) }),
});
export type DevFile = z.infer<typeof DevFile>;

export const devFilePath = (home: string): string => join(home, 'dev.json');

/**
 * Reads `dev.json`; undefined when there is none.
 * @throws ClientError `dev_file_invalid` when it is there and is not one.
 */
export async function readDevFile(home: string): Promise<DevFile | undefined> {
  const path = devFilePath(home);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    throw new ClientError({ code: 'home_unreadable', message: `${path} cannot be read: ${messageOf(error)}`, hint: 'Check who owns the folder, or set FERRY_HOME to another one.', exitCode: EXIT_USAGE, cause: error });
  }
  try {
    return DevFile.parse(JSON.parse(text));
  } catch (error) {
    throw new ClientError({ code: 'dev_file_invalid', message: `${path} does not hold what ferry dev writes`, hint: `Remove it with: rm '${path}', then start ferry dev again.`, exitCode: EXIT_USAGE, cause: error });
  }
}

/** Writes `dev.json` whole or not at all, readable by its owner only; makes the home (0700) when it is missing. */
export async function writeDevFile(home: string, dev: DevFile): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFileAtomic(devFilePath(home), `${JSON.stringify(dev, null, 2)}\n`);
}

export async function removeDevFile(home: string): Promise<void> {
  await rm(devFilePath(home), { force: true });
}

/** A reader sees the old content or the new, never a half: written beside it, flushed, then renamed. Mode 0600. */
export async function writeFileAtomic(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Whether some process has this pid now. It may be another than the one that was meant: compare its start where that matters. */
export function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there and belongs to someone else.
    return isErrno(error, 'EPERM');
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
