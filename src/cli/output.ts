import type { CliContext } from './context.js';

/** One JSON document, on one line. */
export function printJson({ stdout }: Pick<CliContext, 'stdout'>, value: unknown): void {
  stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLines({ stdout }: Pick<CliContext, 'stdout'>, lines: readonly string[]): void {
  if (lines.length > 0) stdout.write(`${lines.join('\n')}\n`);
}

/** Columns that a page may fill: a terminal's, or as many as it likes where nobody sees columns. */
export const pageWidth = ({ isTty, columns }: Pick<CliContext, 'isTty' | 'columns'>): number => (isTty ? columns : Infinity);

/** Waits, unless it is interrupted: then it returns at once. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((done) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      done();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
