import type { VersionsInUse } from '../client/versions.js';
import type { WorkerVersion } from '../domain/deployment.js';

/** The server lists a poller for minutes after its last poll; a live worker polls again at least once a minute. */
export const POLLER_FRESH_MS = 90_000;

/** One thing that `ferry doctor` looks at. */
export interface Check {
  /** Stable, kebab-case. */
  name: string;
  state: 'ok' | 'warn' | 'fail';
  message: string;
  /** What to do, naming a command; absent when all is well. */
  next?: string;
  /** Of the check `versions` alone, where the server could tell. */
  versions?: CheckedVersions;
}

/** A version that is not the current one and has open runs or workers; null are the workers without a version. */
export interface OtherVersion {
  version: WorkerVersion | null;
  /** Whether a worker of it has polled within 90 s. */
  polled: boolean;
  lastPolledAt: string | null;
  /** Ids of open runs that only this version may go on with: without a worker of it they are stranded. */
  pinned: string[];
  /** Ids of open runs that it carried last, and whose next task goes to the current version. */
  autoUpgrade: string[];
}

export interface CheckedVersions {
  current: WorkerVersion | null;
  ramping: VersionsInUse['ramping'];
  others: OtherVersion[];
  /** Whether the server has more open runs of other versions than are listed here. */
  more: boolean;
}
