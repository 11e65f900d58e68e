import { isAbsolute } from 'node:path';
import type { JobRequest } from '../../../../domain/job.js';
import { artifactDataDir } from '../../../../engines/artifacts/local-store.js';
import { jobDirOf, jobPaths } from '../../../../engines/jobs/job-dir.js';
import type { JobPlan } from '../../../../engines/jobs/job-dir.js';
import { ExecutorError } from '../executor.js';
import type { RenderedJob } from '../executor.js';

export interface LocalRenderDeps {
  executorId: string;
  jobsRoot: string;
  storeRoot: string;
  wrapperPath: string;
  nodePath: string;
}

const OUTPUT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What a job's wrapper is given. Pure: equal requests give equal text, and the disk isn't looked at. */
export function renderLocalJob(request: JobRequest, deps: LocalRenderDeps): RenderedJob {
  for (const root of [deps.jobsRoot, deps.storeRoot]) if (!isAbsolute(root)) throw bad(`${root} is no absolute path: give the executor's roots in full`);
  for (const name of Object.keys(request.outputs)) if (!OUTPUT_NAME.test(name)) throw bad(`the output's name ${JSON.stringify(name)} cannot be a file name`);
  const { key, run, runUid, stage, round, attempt, server } = request;
  const jobDir = directoryOf(request, deps.jobsRoot);
  const refs = [...Object.values(request.inputs), ...(request.code ? [request.code] : [])];
  const plan: JobPlan = {
    schema: 'modelferry.job/1',
    identity: { key, run, runUid, stage, round, attempt, ...(server !== undefined && { server }) },
    executor: deps.executorId,
    kind: 'local',
    backend: request.backend,
    simulated: request.simulated,
    command: request.command,
    env: { ...plainEnv(request), ...contractEnv(request, jobDir, deps.storeRoot) },
    secretNames: Object.entries(request.env)
      .filter(([, value]) => typeof value !== 'string')
      .map(([name]) => name)
      .sort(),
    params: request.params,
    needs: [...new Set(refs.map((ref) => ref.digest))].sort(),
    ...(request.code && { codeDir: artifactDataDir(deps.storeRoot, request.code.digest) }),
    outputs: request.outputs,
    ...(request.serves === true && { serves: true }),
    graceMs: request.graceMs,
    keepCheckpoints: request.keepCheckpoints,
    storeRoot: deps.storeRoot,
  };
  return { kind: 'local', jobDir, argv: [deps.nodePath, deps.wrapperPath, jobDir], plan };
}

function directoryOf(request: JobRequest, jobsRoot: string): string {
  try {
    return jobDirOf(jobsRoot, request);
  } catch (error) {
    throw bad(error instanceof Error ? error.message : String(error));
  }
}

function plainEnv(request: JobRequest): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.env)) {
    if (!ENV_NAME.test(name)) throw bad(`${JSON.stringify(name)} cannot be the name of an environment variable`);
    if (typeof value === 'string') plain[name] = value;
  }
  return plain;
}

/** The variables that a job may rely on, except FERRY_RESUME_FROM, which is known only when the job is submitted. */
function contractEnv(request: JobRequest, jobDir: string, storeRoot: string): Record<string, string> {
  const paths = jobPaths(jobDir);
  const env: Record<string, string> = {
    FERRY_RUN_ID: request.run,
    FERRY_RUN_UID: request.runUid,
    FERRY_STAGE: request.stage,
    FERRY_ROUND: String(request.round),
    FERRY_ATTEMPT: String(request.attempt),
    FERRY_BACKEND: request.backend,
    FERRY_JOB_KEY: request.key,
    FERRY_OUTPUT_DIR: paths.out,
    FERRY_CHECKPOINT_DIR: paths.ownCheckpoints,
    FERRY_PARAMS_FILE: paths.params,
    FERRY_PROGRESS_FILE: paths.progress,
    FERRY_GRACE_S: String(request.graceMs / 1000),
  };
  for (const [name, { url, backend }] of Object.entries(request.servers ?? {})) {
    env[`FERRY_URL_${name.toUpperCase()}`] = url;
    env[`FERRY_BACKEND_${name.toUpperCase()}`] = backend;
  }
  for (const [name, ref] of Object.entries(request.inputs)) {
    const variable = `FERRY_INPUT_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
    if (env[variable] !== undefined) throw bad(`two inputs would both be ${variable}: rename one`);
    env[variable] = artifactDataDir(storeRoot, ref.digest);
  }
  return env;
}

const bad = (message: string): ExecutorError => new ExecutorError('bad_request', message);
