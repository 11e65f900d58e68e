import type { VersionsInUse } from '../client/versions.js';
import { isSameVersion, versionText, type WorkerVersion } from '../domain/deployment.js';
import { POLLER_FRESH_MS, type Check, type OtherVersion } from './check.js';

/** So many runs are named a version; `--json` has all of them. */
const NAMED_RUNS = 5;

interface Finding {
  state: Check['state'];
  text: string;
  next?: string;
}

/** What is said of the versions that the server knows: which runs an old one still carries, and whether one is stranded. */
export function judgeVersions(inUse: VersionsInUse, { namespace, now }: { namespace: string; now: number }): Check {
  const { current, ramping } = inUse;
  const others = othersOf(inUse, now);
  const anyVersion = current !== null || ramping !== null || others.length > 0;
  if (!anyVersion) return { name: 'versions', state: 'ok', message: 'workers have no versions: each takes every run', versions: { current, ramping, others, more: false } };

  const findings = [...targetsOf(inUse, others, namespace, now), ...others.flatMap((other) => carriedBy(other, current, namespace)), ...idleOf(inUse, others, namespace, now)];
  const worst = findings.find(({ state }) => state === 'fail') ?? findings.find(({ state }) => state === 'warn');
  const texts = findings.map(({ text }) => text);
  if (inUse.more) texts.push('there are more runs of other versions than are looked at here');
  return {
    name: 'versions',
    state: worst?.state ?? 'ok',
    message: texts.join('; '),
    // One step at a time: what hurts most, then doctor again.
    ...(worst?.next === undefined ? {} : { next: worst.next }),
    versions: { current, ramping, others, more: inUse.more },
  };
}

function othersOf({ current, pollers, runs }: VersionsInUse, now: number): OtherVersion[] {
  const others: OtherVersion[] = [];
  const of = (version: WorkerVersion | null): OtherVersion => {
    const known = others.find((other) => isSameVersion(other.version, version));
    if (known !== undefined) return known;
    const lastPolledAt = lastPoll(pollers, version);
    const made: OtherVersion = { version, polled: isFresh(lastPolledAt, now), lastPolledAt, pinned: [], autoUpgrade: [] };
    others.push(made);
    return made;
  };
  for (const { run, version, versioning } of runs) of(version)[versioning === 'pinned' ? 'pinned' : 'autoUpgrade'].push(run);
  for (const { version, lastPolledAt } of pollers) if (!isSameVersion(version, current) && isFresh(lastPolledAt, now)) of(version);
  return others;
}

/** Of the versions that the server sends tasks to: each needs a worker. */
function targetsOf({ current, ramping, pollers }: VersionsInUse, others: readonly OtherVersion[], namespace: string, now: number): Finding[] {
  const polled = (version: WorkerVersion | null): boolean => isFresh(lastPoll(pollers, version), now);
  const findings: Finding[] = [];
  if (polled(current)) findings.push({ state: 'ok', text: current === null ? 'no version is current: runs go to workers without one' : `${versionText(current)} is current` });
  else if (current !== null) findings.push({ state: 'fail', text: `${versionText(current)} is current and nobody polls it: runs wait`, next: `Start a worker of it: ${workerCommand(current)}` });
  else {
    const ready = others.find(({ version, polled: fresh }) => version !== null && fresh)?.version;
    const next = ready == null ? 'Start one with: ferry worker --site FILE' : `Make a version current: ${currentCommand(ready, namespace)}`;
    findings.push({ state: 'fail', text: 'no version is current, and no worker without a version polls: runs wait', next });
  }
  if (ramping !== null) {
    const text = `${ramping.percentage} % of the runs go to ${versionText(ramping.version)}`;
    if (polled(ramping.version)) findings.push({ state: 'ok', text });
    else findings.push({ state: 'fail', text: `${text}, which nobody polls`, next: `Start a worker of it: ${workerCommand(ramping.version)}` });
  }
  return findings;
}

/** Which open runs are with a version that is not the current one. */
function carriedBy({ version, polled, pinned, autoUpgrade }: OtherVersion, current: WorkerVersion | null, namespace: string): Finding[] {
  const name = versionText(version);
  const findings: Finding[] = [];
  if (pinned.length > 0) {
    const text = `${countOf(pinned)} pinned to ${name}, which ${polled ? 'a worker polls' : 'nobody polls'}: ${namesOf(pinned)}`;
    // First what can't go wrong: the run's history may not replay on newer code. Started without `pinned`, that worker
    // would tell the server at the run's next task that it is to be upgraded from then on.
    const next = `Start a worker of it again: ${workerCommand(version)} --versioning pinned. Or let a run go on with the current version: temporal workflow update-options --namespace ${namespace} --workflow-id RUN --versioning-override-behavior auto_upgrade`;
    findings.push(polled ? { state: 'ok', text } : { state: 'fail', text, next });
  }
  if (autoUpgrade.length > 0) findings.push({ state: 'ok', text: `${countOf(autoUpgrade)} of ${name} and ${autoUpgrade.length === 1 ? 'goes' : 'go'} on with ${versionText(current)}: ${namesOf(autoUpgrade)}` });
  return findings;
}

/** Workers that get no run: of an old version that may go, or of a new one that nobody made current. */
function idleOf({ ramping }: VersionsInUse, others: readonly OtherVersion[], namespace: string, now: number): Finding[] {
  const idle = others.filter(({ version, polled, pinned }) => polled && pinned.length === 0 && !(ramping !== null && isSameVersion(ramping.version, version)));
  return idle.map(({ version, lastPolledAt }) => {
    const ago = `polled ${Math.max(0, Math.round((now - Date.parse(lastPolledAt ?? '')) / 1000))} s ago`;
    if (version === null) return { state: 'warn', text: `workers without a version ${ago} and get no run`, next: 'Stop them, or start them again with --deployment and --build-id' };
    return { state: 'warn', text: `a worker of ${versionText(version)} ${ago} and no open run needs it`, next: `Stop it, or make its version current: ${currentCommand(version, namespace)}` };
  });
}

function lastPoll(pollers: VersionsInUse['pollers'], version: WorkerVersion | null): string | null {
  const times = pollers.filter((poller) => isSameVersion(poller.version, version)).map(({ lastPolledAt }) => lastPolledAt);
  return times.sort().at(-1) ?? null;
}

const isFresh = (lastPolledAt: string | null, now: number): boolean => lastPolledAt !== null && now - Date.parse(lastPolledAt) < POLLER_FRESH_MS;

const countOf = (runs: readonly string[]): string => `${runs.length} ${runs.length === 1 ? 'run is' : 'runs are'}`;
const namesOf = (runs: readonly string[]): string => [...runs.slice(0, NAMED_RUNS), ...(runs.length > NAMED_RUNS ? [`${runs.length - NAMED_RUNS} more`] : [])].join(', ');
const workerCommand = (version: WorkerVersion | null): string => (version === null ? 'ferry worker' : `ferry worker --deployment ${version.name} --build-id ${version.buildId}`);
const currentCommand = ({ name, buildId }: WorkerVersion, namespace: string): string => `temporal worker deployment set-current-version --namespace ${namespace} --deployment-name ${name} --build-id ${buildId}`;
