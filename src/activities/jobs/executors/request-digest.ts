import type { ArtifactRef } from '../../../domain/artifact.js';
import { digestOf } from '../../../domain/digest.js';
import type { JobRequest } from '../../../domain/job.js';

/** What an artifact is, whatever is noted beside it. */
const contentOf = ({ kind, digest }: ArtifactRef): { kind: string; digest: string } => ({ kind, digest });

/**
 * What a job does, as one digest: two requests of one key that differ in it ask for different jobs. Secrets enter by
 * their names. Times and bounds (grace, checkpoints kept, formats loaded) stay outside: they make no other job.
 */
export function requestDigest({ run, command, env, params, inputs, code, backend, outputs, servers }: JobRequest): string {
  const refs = Object.fromEntries(Object.entries(inputs).map(([name, ref]) => [name, contentOf(ref)]));
  return digestOf({ run, command, env, params, inputs: refs, ...(code && { code: contentOf(code) }), backend, outputs, ...(servers && { servers }) });
}
