import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { jobKey } from '../../../../domain/ids.js';
import type { JobHandle, JobIdentity, JobListing, JobObservation, JobRequest } from '../../../../domain/job.js';
import { LocalStore } from '../../../../engines/artifacts/local-store.js';
import { chooseResume, resumeCandidates } from '../../../../engines/jobs/checkpoints.js';
import { askToStop, freezeJobRecord, handleOf, jobDirOf, jobPaths, raiseEpoch, readClaim, readExit, readJobRecord } from '../../../../engines/jobs/job-dir.js';
import type { JobRecord } from '../../../../engines/jobs/job-dir.js';
import type { JobFilter, OnDamaged } from '../../../../engines/jobs/list.js';
import { listJobs } from '../../../../engines/jobs/list.js';
import { observeJob } from '../../../../engines/jobs/observe.js';
import type { ObserveMemory } from '../../../../engines/jobs/observe.js';
import { hostIdentity } from '../../../../engines/jobs/process-identity.js';
import { stopJob } from '../../../../engines/jobs/stop-job.js';
import { tailFile } from '../../../../engines/jobs/tail.js';
import type { LogTail } from '../../../../engines/jobs/tail.js';
import { packageFile } from '../../../../engines/package-files.js';
import { ExecutorError } from '../executor.js';
import type { Executor, ExecutorDeps, JobStop, RenderedJob } from '../executor.js';
import { requestDigest } from '../request-digest.js';
import { renderLocalJob } from './render.js';

/** A wrapper claims its job within some tens of milliseconds; a host that takes this long for it is in trouble. */
const CLAIM_WITHIN_MS = 10_000;
const CLAIM_POLL_MS = 10;

// From the package's root, so that it is the compiled program even where this file runs uncompiled.
const DEFAULT_WRAPPER = packageFile('dist/engines/jobs/wrapper.js');

/** Runs jobs as processes of this host that outlive the worker. */
export function createLocalExecutor(deps: ExecutorDeps): Executor {
  return new LocalExecutor(deps);
}

/** A caller that hears of a job by its key alone would take another job's outputs for its own. */
function refuseOtherRequest(record: JobRecord | undefined, request: JobRequest): void {
  if (record?.requestDigest === undefined || record.requestDigest === requestDigest(request)) return;
  throw new ExecutorError('bad_request', `another job is known under the key ${request.key}: it was submitted by the run ${record.identity.run} with another command, environment, parameters, inputs, code, backend or outputs`);
}

function refuseOtherRun(record: JobRecord | undefined, { key, run }: JobIdentity): void {
  if (record === undefined || record.identity.run === run) return;
  throw new ExecutorError('bad_request', `another job is known under the key ${key}: it belongs to the run ${record.identity.run}, not to ${run}`);
}

class LocalExecutor implements Executor {
  readonly kind = 'local';
  readonly supportsPreemptionNotice = false;
  readonly supportsLogStream = true;
  readonly #deps: ExecutorDeps;

  constructor(deps: ExecutorDeps) {
    this.#deps = deps;
  }

  async find(identity: JobIdentity): Promise<JobHandle | undefined> {
    const jobDir = jobDirOf(this.#deps.jobsRoot, identity);
    refuseOtherRun(readJobRecord(jobDir), identity);
    return this.#handle(jobDir);
  }

  render(request: JobRequest): RenderedJob {
    const { executorId, jobsRoot, storeRoot, wrapperPath = DEFAULT_WRAPPER } = this.#deps;
    return renderLocalJob(request, { executorId, jobsRoot, storeRoot, wrapperPath, nodePath: process.execPath });
  }

  async submit(rendered: RenderedJob, request: JobRequest, secretsEnv: Record<string, string>): Promise<JobHandle> {
    const { jobDir, plan } = rendered;
    refuseOtherRequest(readJobRecord(jobDir), request);
    const known = this.#handle(jobDir);
    if (known) return known;
    const missing = plan.secretNames.filter((name) => secretsEnv[name] === undefined);
    if (missing.length > 0) throw new ExecutorError('bad_request', `no value for the secret ${missing.join(', ')}: the site must resolve every secret before the job is submitted`);
    this.#deps.onStep?.('before_record');
    if (readJobRecord(jobDir) === undefined) await this.#freeze(rendered, request);
    // Another submitter may have been faster, with another request.
    refuseOtherRequest(readJobRecord(jobDir), request);
    this.#deps.onStep?.('before_spawn');
    const wrapper = await this.#spawnWrapper(rendered, secretsEnv);
    this.#deps.onStep?.('after_spawn');
    const handle = await this.#waitForClaim(jobDir, wrapper);
    this.#deps.onStep?.('after_claim');
    return handle;
  }

  async observe(handle: JobHandle, memory?: ObserveMemory): Promise<JobObservation> {
    return observeJob(handle, memory);
  }

  async cancel(handle: JobHandle, stop: JobStop): Promise<void> {
    if (!this.reaches(handle)) {
      throw new ExecutorError('wrong_host', `the job ${handle.key} runs on ${handle.host}: only a worker on that host can stop it`);
    }
    const graceMs = stop.graceMs ?? readJobRecord(handle.jobDir)?.graceMs ?? 0;
    if (!(await stopJob(handle, { reason: stop.reason, graceMs }))) throw new ExecutorError('stop_failed', `the job ${handle.key} has a process that outlives SIGKILL: it hangs in the kernel, look at its host`);
  }

  async forestall(identity: JobIdentity, { reason, graceMs = 0 }: JobStop): Promise<JobHandle | undefined> {
    const jobDir = jobDirOf(this.#deps.jobsRoot, identity);
    refuseOtherRun(readJobRecord(jobDir), identity);
    mkdirSync(jobDir, { recursive: true });
    // Written before the look for a claim: a wrapper that claims later finds it and starts nothing.
    if (readExit(jobDir) === undefined) askToStop(jobDir, { reason, at: new Date().toISOString(), graceMs });
    return this.#handle(jobDir);
  }

  async tail(handle: JobHandle, lines: number): Promise<LogTail> {
    return tailFile(handle.logPath, lines);
  }

  async list(filter?: Omit<JobFilter, 'executor'>, onDamaged?: OnDamaged): Promise<JobListing[]> {
    // Executors may share a root: a job of another one would be listed, swept and cancelled twice.
    return listJobs(this.#deps.jobsRoot, { ...filter, executor: this.#deps.executorId }, onDamaged);
  }

  reaches(handle: JobHandle): boolean {
    return handle.hostId === hostIdentity().hostId;
  }

  #handle(jobDir: string): JobHandle | undefined {
    const claim = readClaim(jobDir);
    const record = claim && readJobRecord(jobDir);
    return record && handleOf(record, jobDir, claim);
  }

  /**
   * Writes down what the job is, once and for all. The epoch comes first: from then on the attempts before publish
   * nothing, so that what this one may resume from no longer changes while it is looked at.
   */
  async #freeze({ jobDir, plan }: RenderedJob, request: JobRequest): Promise<void> {
    const store = new LocalStore(this.#deps.storeRoot);
    for (const digest of plan.needs) await store.open(digest);
    raiseEpoch(jobDir, plan.identity);
    const candidates = resumeCandidates(this.#deps.jobsRoot, plan.identity, (attempt) => jobKey({ ...plan.identity, attempt }));
    const choice = await chooseResume(candidates, request.loadsFormats);
    freezeJobRecord(jobDir, { ...plan, ...choice, requestDigest: requestDigest(request), submittedAt: new Date().toISOString() });
  }

  async #spawnWrapper({ jobDir, argv, plan }: RenderedJob, secretsEnv: Record<string, string>): Promise<ChildProcess> {
    const log = openSync(jobPaths(jobDir).wrapperLog, 'a');
    try {
      const secrets = Object.fromEntries(plan.secretNames.map((name) => [name, secretsEnv[name] ?? '']));
      const [command = '', ...args] = argv;
      const env = { ...this.#deps.env, ...secrets, FERRY_JOB_KEY: plan.identity.key };
      // Detached, it leads a session and group of its own: it outlives us, and a signal to our terminal does not reach it.
      const child = spawn(command, args, { cwd: jobDir, detached: true, env, stdio: ['ignore', log, log] });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      child.unref();
      return child;
    } catch (error) {
      throw new ExecutorError('submit_unknown', `the job's wrapper could not be started: ${error instanceof Error ? error.message : String(error)}`, error);
    } finally {
      closeSync(log);
    }
  }

  async #waitForClaim(jobDir: string, wrapper: ChildProcess): Promise<JobHandle> {
    const until = Date.now() + CLAIM_WITHIN_MS;
    for (;;) {
      const handle = this.#handle(jobDir);
      if (handle) return handle;
      const failed = wrapper.signalCode !== null || (wrapper.exitCode ?? 0) !== 0;
      if (failed || Date.now() > until) {
        const said = tailFile(jobPaths(jobDir).wrapperLog, 20).lines.join(' ').trim().slice(0, 1000);
        throw new ExecutorError('submit_unknown', `the job was not claimed${failed ? '' : ` within ${CLAIM_WITHIN_MS / 1000} s`}; submit it again. Its wrapper said: ${said || 'nothing'}`);
      }
      await sleep(CLAIM_POLL_MS);
    }
  }
}
