import * as z from 'zod';

/** The name of a Worker Deployment and the build of a worker in it. */
export interface WorkerVersion {
  name: string;
  buildId: string;
}

/** What happens to a run when another version becomes current. */
export const Versioning = z.enum(['pinned', 'auto-upgrade']);
export type Versioning = z.infer<typeof Versioning>;

/** The server joins name and build with a dot in one place and with a colon in another, so a name holds neither. */
export const DeploymentName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/, 'letters, digits, dash and underscore, at most 100, a letter or digit first');
export const BuildId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/, 'letters, digits, dot, plus, dash and underscore, at most 100, a letter or digit first');

/** `modelferry.v2`, as Temporal's own tools write it; null are the workers without a version. */
export const versionText = (version: WorkerVersion | null): string => (version === null ? 'workers without a version' : `${version.name}.${version.buildId}`);

/** Of a search attribute of Temporal's, `NAME:BUILD`; undefined for any other text. */
export function parseVersion(text: string): WorkerVersion | undefined {
  const at = text.indexOf(':');
  return at < 1 || at === text.length - 1 ? undefined : { name: text.slice(0, at), buildId: text.slice(at + 1) };
}

export const isSameVersion = (a: WorkerVersion | null, b: WorkerVersion | null): boolean => a?.name === b?.name && a?.buildId === b?.buildId;
