import { writeSync } from 'node:fs';

/** A line into the wrapper's own log. Through process.stderr a full disk would be an unhandled error, and the wrapper's end. */
export function logLine(message: string): void {
  try {
    writeSync(2, `${new Date().toISOString()} ${message}\n`);
  } catch {
    // Nobody can be told; the job matters more than its log.
  }
}
