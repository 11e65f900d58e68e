import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Client } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { createStore } from '../activities/artifacts/stores/registry.js';
import { startRun } from '../client/start.js';
import type { ArtifactRef } from '../domain/artifact.js';
import { parseDuration } from '../domain/duration.js';
import type { RunInput } from '../domain/run-input.js';
import { BUILT_IN_SITE, Site, type SiteInput } from '../domain/site.js';
import type { Pipelines, RunSpecInput } from '../domain/spec.js';
import { LocalStore } from '../engines/artifacts/local-store.js';
import { loadPipelines } from '../engines/config/load-pipelines.js';
import { loadSpec } from '../engines/config/load-spec.js';
import { findArtifact, packSource } from '../engines/config/pack-sources.js';
import { findServer } from '../engines/temporal-server/find-server.js';
import { TEST_SERVER } from '../engines/temporal-server/server-program.js';
import { bundleOf, type Deployed } from './bundle.js';
import { surroundings } from './environment.js';
import { outputKeeper } from './outputs.js';
import { RehearsalError } from './rehearsal-error.js';
import { RehearsalRun } from './run.js';
import { ScriptInUse, type OutputContent, type RunScript } from './script.js';
import { SkippedTime } from './skipped-time.js';
import { startTestEnvironment, type RehearsalLog } from './test-environment.js';
import { testServerClient } from './test-server-client.js';
import { startWorkers, type RehearsalWorkers } from './workers.js';

/** How a rehearsal is set up; nothing needs to be given. Durations are texts such as `30 days`. */
export interface RehearsalOptions extends Deployed {
  /** A site file's content; its store, release folder, hosts and secrets are stood in for. Default: one approver, `demo-manager`. */
  site?: SiteInput;
  /** When the rehearsal begins, in ISO 8601 UTC: the machine's time or later. Default: the machine's time. */
  now?: string;
  /** For how long a run may go on. Default `3650 days`; a job that hangs reaches it. */
  horizon?: string;
  /** Where paths in specs are looked for. Default: the current folder. */
  specDir?: string;
  /** Where a fetched test server is kept. Default: the tools folder of `$FERRY_HOME`. */
  toolsDir?: string;
  /** From which level on the SDK's log is printed. Default `error`. Counts for the first rehearsal of a process, and where nobody has installed a `Runtime`. */
  log?: RehearsalLog;
  /** Told before something slow, one line: the download of the test server. */
  onProgress?: (message: string) => void;
}

/** How a run of a rehearsal is begun, and what happens to it. */
export interface StartOptions {
  /** Default: made of model, version and a random end. */
  id?: string;
  /** Who asks for the release. Default `requester`. */
  requestedBy?: string;
  script?: RunScript;
  /** Has the run continue as new at every wait, after so long: `{ continueAsNewAfterMs: 0 }`. */
  rehearsal?: RunInput['rehearsal'];
}

/** A server whose time can be skipped, with a worker on it whose jobs and people follow scripts. */
export interface Rehearsal {
  readonly client: Client;
  /**
   * Starts a run as `ferry start` does: of a spec, or of the spec's file, by its path from `specDir`.
   * @throws ClientError, StoreError, InvalidDocument for a file that is no spec; RehearsalError `script_invalid`
   */
  start(spec: RunSpecInput | string, options?: StartOptions): Promise<RehearsalRun>;
  /** Lets so much time pass: `30 days`, or milliseconds. Not while `finished` of a run is waited for. */
  sleep(duration: string | number): Promise<void>;
  /** The skipped time. */
  now(): Promise<Date>;
  /** Puts an artifact into the store, for a spec that begins with one. */
  addArtifact(kind: string, content: OutputContent, annotations?: Record<string, string>): Promise<ArtifactRef>;
  /** Goes on with other workflow code, as a deploy does amid open runs. @throws InvalidDocument, Error of the bundler */
  deploy(code: Deployed): Promise<void>;
  /** Ends the worker and the server, and removes what they wrote. Safe to call twice. */
  close(): Promise<void>;
}

const DEFAULT_HORIZON = '3650 days';

/**
 * Starts a rehearsal: a test server of its own (about 0.2 s once its binary is there), a temporary store, and workers.
 * @throws ServerNotFoundError when there is no test server and none can be fetched; RehearsalError `bad_time`; ZodError for a site that is none
 */
export async function createRehearsal(options: RehearsalOptions = {}): Promise<Rehearsal> {
  const { env, serverPath, toolsDir } = surroundings();
  const site = Site.parse(options.site ?? BUILT_IN_SITE);
  const horizonAfterMs = millisecondsOf(options.horizon ?? DEFAULT_HORIZON);
  const found = await findServer({ program: TEST_SERVER, named: serverPath, toolsDir: options.toolsDir ?? toolsDir, env, onProgress: options.onProgress });
  const home = await mkdtemp(join(tmpdir(), 'modelferry-rehearsal-'));
  let environment: TestWorkflowEnvironment | undefined;
  try {
    environment = await startTestEnvironment(found.path, options.log ?? 'error');
    return await open({ environment, home, site, options, horizonAfterMs });
  } catch (error) {
    await environment?.teardown();
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

interface OpenInput {
  environment: TestWorkflowEnvironment;
  home: string;
  site: Site;
  options: RehearsalOptions;
  horizonAfterMs: number;
}

async function open({ environment, home, site, options, horizonAfterMs }: OpenInput): Promise<Rehearsal> {
  const clock = new SkippedTime(environment);
  if (options.now !== undefined) await beginAt(clock, options.now);
  const namespace = environment.namespace ?? 'default';
  const client = testServerClient(environment.connection, namespace);
  const storeRoot = join(home, 'store');
  const store = createStore({ kind: 'local-dir', path: storeRoot }, storeRoot);
  const specStore = new LocalStore(storeRoot);
  const keep = outputKeeper(store, home);
  const runs = new Map<string, RehearsalRun>();
  let own = await ownOf(options);

  const workers: RehearsalWorkers = await startWorkers({
    connection: environment.nativeConnection,
    namespace,
    bundle: await bundleOf(options),
    site,
    client,
    clock,
    store,
    keep,
    releasesRoot: join(home, 'releases'),
    runOf: (run) => runs.get(run),
  });
  let closing: Promise<void> | undefined;
  return {
    client,
    async start(given, { id, requestedBy = 'requester', script: written = {}, rehearsal } = {}) {
      const script = new ScriptInUse(written);
      const cwd = options.specDir ?? process.cwd();
      const { input: spec, dir } = typeof given === 'string' ? await loadSpec({ file: given, cwd, own: async () => own }) : { input: given, dir: cwd };
      const run = id ?? `${spec.model}-${spec.version}-rehearsal-${runs.size + 1}`;
      if (runs.has(run)) throw new RehearsalError('script_invalid', `This rehearsal has a run ${run} already; give another id`);
      const made = new RehearsalRun({ run, client, clock, script, horizonMs: (await clock.now()) + horizonAfterMs, jobsOf: workers.jobsOf, leave: workers.leave, broken: workers.broken });
      // Known before the worker hears of it: its first task may open a gate or submit a job.
      runs.set(run, made);
      await startRun({
        client,
        spec,
        pipelines: own,
        id: run,
        requestedBy,
        rehearsal,
        openStore: () => ({ pack: async (path, kind) => (await packSource({ store: specStore, dir, path, kind })).ref, find: (digest, kind) => findArtifact(specStore, digest, kind) }),
      });
      return made;
    },
    async sleep(duration) {
      await clock.sleepUntil((await clock.now()) + (typeof duration === 'number' ? duration : millisecondsOf(duration)));
    },
    now: async () => new Date(await clock.now()),
    addArtifact: keep,
    async deploy(code) {
      own = { ...own, ...(await ownOf(code)) };
      await workers.deploy(await bundleOf(code), [...runs.keys()]);
    },
    close() {
      closing ??= (async () => {
        await Promise.all([...runs.values()].map((run) => run.close(new RehearsalError('closed', `The rehearsal was closed before the run ${run.id} had ended`))));
        clock.close();
        await workers.stop();
        await environment.teardown();
        await rm(home, { recursive: true, force: true });
      })();
      return closing;
    },
  };
}

/** The descriptions by which specs of one's own pipelines are checked. */
const ownOf = async ({ pipelines }: Deployed): Promise<Pipelines> => (pipelines === undefined ? {} : (await loadPipelines(resolve(pipelines))).pipelines);

function millisecondsOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new RehearsalError('bad_time', `${JSON.stringify(text)} is no duration such as 15 seconds, 2 hours or 7 days, at most 3650 days`);
  return ms;
}

/** The server begins with the machine's time and only goes forward. */
async function beginAt(clock: SkippedTime, text: string): Promise<void> {
  const wanted = Date.parse(text);
  const now = await clock.now();
  if (Number.isNaN(wanted)) throw new RehearsalError('bad_time', `${JSON.stringify(text)} is no time such as 2027-01-01T00:00:00Z`);
  if (wanted < now) throw new RehearsalError('bad_time', `A rehearsal can't begin at ${text}: the test server begins with the machine's time, ${new Date(now).toISOString()}, and only goes forward`);
  await clock.sleepUntil(wanted);
}
