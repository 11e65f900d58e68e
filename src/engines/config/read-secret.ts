import { readFile } from 'node:fs/promises';
import type { SecretSource } from '../../domain/site.js';

/** The value of a secret; undefined for a variable that is not set. Rejects where a file can't be read: the cause may quote it, so show it to nobody. */
export async function readSecret(source: SecretSource, env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  return 'env' in source ? env[source.env] : (await readFile(source.file, 'utf8')).trimEnd();
}
