import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Environment variables as a caller hands them in. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Every executable of this name on PATH, in its order; the first may be a shim that leads nowhere. */
export async function findAllOnPath(name: string, env: Env): Promise<string[]> {
  const endings = process.platform === 'win32' ? (env['PATHEXT'] ?? '.EXE;.CMD').split(';') : [''];
  const found: string[] = [];
  for (const folder of (env['PATH'] ?? env['Path'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    for (const ending of endings) {
      const path = join(folder, name + ending);
      if (await isExecutable(path)) found.push(path);
    }
  }
  return [...new Set(found)];
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    // Not there or not ours to run: for a search along PATH both mean "not here".
    return false;
  }
}

export type ToolResult = { ok: true; stdout: string; stderr: string } | { ok: false; reason: string };

/** Runs a program to its end; a failure is an answer with the last line of what it said. */
export function runTool(file: string, args: readonly string[], { env, timeoutMs, signal }: { env: Env; timeoutMs: number; signal?: AbortSignal }): Promise<ToolResult> {
  return new Promise((done) => {
    execFile(file, args, { env, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 4 * 1024 * 1024, windowsHide: true, signal }, (error, stdout, stderr) => {
      if (error === null) return done({ ok: true, stdout, stderr });
      const lastLine = stderr.trim().split('\n').at(-1)?.trim() ?? '';
      const what = error.killed ? `no end within ${timeoutMs / 1000} s` : typeof error.code === 'number' ? `exit ${error.code}` : String(error.code ?? error.message);
      done({ ok: false, reason: lastLine === '' ? what : `${what}: ${lastLine.slice(0, 300)}` });
    });
  });
}
