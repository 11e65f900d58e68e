import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A download takes minutes at most; what is older was left by one that was killed. */
const LEFTOVER_AGE_MS = 3_600_000;

/**
 * Makes one binary appear in a folder whole or not at all: `fill` works in a folder beside it and returns the file that
 * is then renamed into place. Two that install at once are fine: one file replaces its equal.
 * Returns the binary's path. Whatever `fill` throws is passed on after cleaning up.
 */
export async function installInto({ targetDir, binary, fill }: { targetDir: string; binary: string; fill: (workDir: string) => Promise<string> }): Promise<string> {
  const parent = dirname(targetDir);
  await mkdir(parent, { recursive: true });
  await removeLeftovers(parent);
  const workDir = join(parent, `.installing-${basename(targetDir)}-${randomUUID().slice(0, 8)}`);
  await mkdir(workDir);
  try {
    const made = await fill(workDir);
    await chmod(made, 0o755);
    await mkdir(targetDir, { recursive: true });
    const target = join(targetDir, binary);
    await rename(made, target);
    return target;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith('.installing-')) continue;
    const path = join(parent, name);
    const info = await stat(path).catch(() => undefined); // gone since readdir: its owner has finished
    if (info !== undefined && Date.now() - info.mtimeMs > LEFTOVER_AGE_MS) await rm(path, { recursive: true, force: true });
  }
}
