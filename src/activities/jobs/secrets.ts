import type { JobRequest } from '../../domain/job.js';
import type { SecretSource } from '../../domain/site.js';
import { readSecret } from '../../engines/config/read-secret.js';
import { failure } from '../../temporal-failure.js';

/**
 * The secret values that a job asks for by name, read at submit. They go to the job through its environment alone:
 * never into a file, a log, a history or an error, so the errors here name the secret and not what was found.
 */
export async function resolveSecrets(env: JobRequest['env'], known: Record<string, SecretSource>, workerEnv: Readonly<Record<string, string | undefined>>, withheld: readonly string[] = []): Promise<Record<string, string>> {
  const secrets: Record<string, string> = {};
  for (const [variable, value] of Object.entries(env)) {
    if (typeof value === 'string') continue;
    const source = known[value.secret];
    // A spec's author could otherwise take the key out by a job that prints it in pieces.
    if (withheld.includes(value.secret)) throw failure('unknown_secret', `the secret ${value.secret} is a key of this site's payloads, which no job gets; name another one`);
    if (source === undefined) throw failure('unknown_secret', `the worker's site file has no secret ${value.secret}; add it under secrets`);
    const found = await readNamed(value.secret, source, workerEnv);
    if (found === undefined || found === '') throw failure('unknown_secret', `the secret ${value.secret} is empty on this worker; set ${'env' in source ? `the variable ${source.env}` : 'its file'}`);
    secrets[variable] = found;
  }
  return secrets;
}

/** Replaces what is secret in a text that was cut to at most `max` characters; the answer is no longer either. */
export type SecretMask = (text: string, max: number) => string;

/** A shorter value is no secret worth the name, and hiding each `true` or `1234` would only make a log unreadable. */
const MIN_HIDDEN = 6;
/** So much of a secret's beginning, where the end of a text was cut off, is still a piece of the secret. */
const MIN_CUT = 3;

/**
 * Hides every secret of the site, by the values that it has now: what a job prints travels into histories, states and
 * pages that more people may read than the job's log. A secret that this worker doesn't have can't be hidden, nor given
 * to a job.
 */
export async function maskOf(known: Record<string, SecretSource>, workerEnv: Readonly<Record<string, string | undefined>>): Promise<SecretMask> {
  const hidden: { name: string; value: string }[] = [];
  for (const [name, source] of Object.entries(known)) {
    const value = await readNamed(name, source, workerEnv).catch(() => undefined);
    // A log is cut into lines and freed of control characters, so a key of several lines shows as each of them.
    for (const part of (value ?? '').split(/\p{Cc}+/u)) if (part.length >= MIN_HIDDEN) hidden.push({ name, value: part });
  }
  // The longest first: one secret may be a part of another.
  hidden.sort((a, b) => b.value.length - a.value.length);
  return (text, max) => {
    let shown = text;
    for (const { name, value } of hidden) shown = shown.replaceAll(value, () => `[secret ${name}]`);
    if (text.length >= max) for (const secret of hidden) shown = withoutCutSecret(shown, secret);
    return shown.slice(0, max);
  };
}

function withoutCutSecret(text: string, { name, value }: { name: string; value: string }): string {
  for (let length = Math.min(value.length - 1, text.length); length >= MIN_CUT; length -= 1) {
    if (text.endsWith(value.slice(0, length))) return `${text.slice(0, -length)}[secret ${name}]`;
  }
  return text;
}

async function readNamed(name: string, source: SecretSource, workerEnv: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  try {
    return await readSecret(source, workerEnv);
  } catch {
    // The cause may quote the file; what matters to the reader is which secret it was.
    throw failure('unknown_secret', `the file of the secret ${name} can't be read on this worker`);
  }
}
