import { readFile } from 'node:fs/promises';
import type { JobRequest } from '../../domain/job.js';
import type { SecretSource } from '../../domain/site.js';
import { failure } from '../../temporal-failure.js';

/**
 * The secret values that a job asks for by name, read at submit. They go to the job through its environment alone:
 * never into a file, a log, a history or an error, so the errors here name the secret and not what was found.
 */
export async function resolveSecrets(env: JobRequest['env'], known: Record<string, SecretSource>, workerEnv: Readonly<Record<string, string | undefined>>): Promise<Record<string, string>> {
  const secrets: Record<string, string> = {};
  for (const [variable, value] of Object.entries(env)) {
    if (typeof value === 'string') continue;
    const source = known[value.secret];
    if (source === undefined) throw failure('unknown_secret', `the worker's site file has no secret ${value.secret}; add it under secrets`);
    const found = 'env' in source ? workerEnv[source.env] : await readSecretFile(value.secret, source.file);
    if (found === undefined || found === '') throw failure('unknown_secret', `the secret ${value.secret} is empty on this worker; set ${'env' in source ? `the variable ${source.env}` : 'its file'}`);
    secrets[variable] = found;
  }
  return secrets;
}

async function readSecretFile(name: string, path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trimEnd();
  } catch {
    // The cause may quote the file; what matters to the reader is which secret it was.
    throw failure('unknown_secret', `the file of the secret ${name} can't be read on this worker`);
  }
}
