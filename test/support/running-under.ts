import { readFileSync, readdirSync } from 'node:fs';

/**
 * The command lines of the live processes that know a folder, by their arguments or their environment: servers, workers,
 * wrappers and jobs of a home. A zombie knows nothing any more. Linux only; elsewhere nothing is found.
 */
export function runningUnder(folder: string): string[] {
  return names('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const command = text(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      return command !== '' && (command.includes(folder) || text(`/proc/${pid}/environ`).includes(folder)) ? [`${pid}: ${command}`] : [];
    });
}

const names = (path: string): string[] => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};

/** Empty for a process that has ended meanwhile. */
const text = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
};
