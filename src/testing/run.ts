import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import { readRun, queryState } from '../client/describe.js';
import { decide } from '../client/decide.js';
import { STATE } from '../domain/names.js';
import { ClientError } from '../client/errors.js';
import type { Decision } from '../domain/decision.js';
import type { DecisionAnswer } from '../domain/gate.js';
import type { RunState } from '../domain/run-state.js';
import { Executions, type ExecutionsDeps } from './executions.js';
import { answerGate, type GivenAnswer } from './gate-answers.js';
import { RehearsalError, broken } from './rehearsal-error.js';
import type { ScriptInUse } from './script.js';
import type { ScriptedJob } from './scripted-job.js';
import type { SkippedTime } from './skipped-time.js';

const QUERY_TIMEOUT_MS = 10_000;

/** How often a run that has not ended is looked at: for a workflow task that fails, and for one that has continued as new. */
const LOOK_EVERY_MS = 50;

/** A task that is under way when a run does not answer has failed within two seconds, or is no reason. */
const FAILURE_LOOKS = 40;

/** One start of a job, as it went. */
export interface RehearsedJob {
  key: string;
  stage: string;
  server?: string;
  round: number;
  attempt: number;
  backend: string;
  /** By the skipped clock, in ISO 8601 UTC; without an end where the run ended first. */
  startedAt: string;
  endedAt?: string;
  state: string;
  exitCode?: number | null;
  /** The step of the checkpoint that it resumed from. */
  resumedFrom?: number;
  /** How often its program was started; 0 where it was stopped before. */
  starts: number;
}

/** What became of a run. */
export interface RehearsalOutcome {
  state: RunState;
  /** How long the run took by the skipped clock, in milliseconds. */
  tookMs: number;
  /** In the order of their starts. */
  jobs: RehearsedJob[];
  /** What the run said to each answer of the script. */
  answers: GivenAnswer[];
}

export interface RehearsalRunDeps {
  run: string;
  client: Client;
  clock: SkippedTime;
  script: ScriptInUse;
  /** When the run must have ended, in milliseconds since 1970 by the skipped clock. */
  horizonMs: number;
  jobsOf: (run: string) => readonly ScriptedJob[];
  leave: ExecutionsDeps['leave'];
  /** Rejects when the rehearsal can't go on: its worker broke, or it was closed. */
  broken: Promise<never>;
}

/** A run of a rehearsal. Time stands (it goes at the wall clock's pace) until `finished` is waited for. */
export class RehearsalRun {
  readonly id: string;
  readonly #deps: RehearsalRunDeps;
  readonly #answers: GivenAnswer[] = [];
  readonly #ended = new AbortController();
  #release: (() => Promise<void>) | undefined;
  readonly #answering = new Set<Promise<void>>();
  #outcome: Promise<RehearsalOutcome> | undefined;
  #fail: (problem: unknown) => void = () => undefined;
  readonly #problem: Promise<never>;

  constructor(deps: RehearsalRunDeps) {
    this.id = deps.run;
    // A run that continues as new asks for its result again each time, and each call listens anew.
    setMaxListeners(0, this.#ended.signal);
    this.#deps = deps;
    this.#problem = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // It may be told before anybody waits for the run.
    this.#problem.catch(() => undefined);
  }

  /** For signals, queries, cancellation and the history of the run. */
  get handle(): WorkflowHandle {
    return this.#deps.client.workflow.getHandle(this.id);
  }

  /** The state of the run now. @throws RehearsalError `closed` when no worker answers for it */
  async state(): Promise<RunState> {
    const state = await queryState(this.#deps.client, this.id, QUERY_TIMEOUT_MS);
    if (state === undefined) throw new RehearsalError('closed', `No worker answers for the run ${this.id}`);
    return state;
  }

  /** Sends a decision now, beside those of the script. */
  async decide(decision: Omit<Decision, 'reason' | 'digests'> & Partial<Pick<Decision, 'reason' | 'digests'>>): Promise<DecisionAnswer> {
    const { client, clock } = this.#deps;
    const said = await decide({ client, run: this.id, decision: { reason: '', digests: {}, at: new Date(await clock.now()).toISOString(), ...decision }, timeoutMs: QUERY_TIMEOUT_MS });
    if (said.accepted === null) throw new RehearsalError('closed', `No worker answers for the run ${this.id}`);
    return said;
  }

  /**
   * Lets time pass until the run has ended, however it ends.
   * @throws RehearsalError `unscripted`, `unused_script`, `workflow_broken`, `too_long`: the run is terminated then
   */
  finished(): Promise<RehearsalOutcome> {
    this.#outcome ??= this.#finish();
    return this.#outcome;
  }

  get script(): ScriptInUse {
    return this.#deps.script;
  }

  get horizonMs(): number {
    return this.#deps.horizonMs;
  }

  /**
   * Called while the workflow task that ends the run is not yet completed. With nothing left to wait for, the clock would
   * else jump through every time-out that the run has left behind before anybody hears of its end.
   */
  async ending(): Promise<void> {
    this.#release ??= await this.#deps.clock.hold();
  }

  /** Called while the workflow task that opens a gate is not yet completed: time can't jump before the answers have their hold on it. */
  async gateOpened(gate: string): Promise<void> {
    const { clock, script } = this.#deps;
    if (!script.hasAnswer(gate)) return;
    const release = await clock.hold();
    const answering = this.#answer(gate, release).finally(() => this.#answering.delete(answering));
    this.#answering.add(answering);
  }

  async #answer(gate: string, release: () => Promise<void>): Promise<void> {
    const { client, clock, script } = this.#deps;
    try {
      await answerGate({ client, clock, run: this.id, script, gate, ended: this.#ended.signal, onAnswer: (given) => this.#answers.push(given) });
    } catch (error) {
      this.fail(error);
    } finally {
      await release();
    }
  }

  /** Ends the rehearsal of this run with an error. */
  fail(problem: unknown): void {
    this.#fail(problem);
  }

  /** Ends the rehearsal of this run for good; resolves once nothing of it is under way any more. */
  async close(problem: RehearsalError): Promise<void> {
    this.fail(problem);
    await Promise.allSettled([this.#outcome]);
    this.#ended.abort();
    await Promise.all(this.#answering);
  }

  async #finish(): Promise<RehearsalOutcome> {
    const { client, clock, script, leave, broken: workersBroken } = this.#deps;
    const executions = new Executions({ client, clock, run: this.id, leave });
    const looking = this.#taskFailure(executions);
    try {
      await clock.flowing(() => Promise.race([this.#result(), this.#problem, workersBroken, looking, this.#tooLong()]));
    } catch (error) {
      // A workflow that fails its task answers nobody either.
      const failure = error instanceof ClientError && error.code === 'no_worker' ? await this.#whyNoAnswer(executions) : undefined;
      await this.handle.terminate('the rehearsal failed').catch(() => undefined); // it may have ended meanwhile, and the error below is what counts
      throw failure === undefined ? error : broken(this.id, failure);
    } finally {
      this.#ended.abort();
      await Promise.allSettled([looking, ...this.#answering]);
      await executions.settle();
      await this.#release?.();
    }
    const outcome = await this.#read();
    const unused = script.unused();
    if (unused.length > 0) throw new RehearsalError('unused_script', `The run ended (${outcome.state.status}) without these entries of its script, so they test nothing; unused script entries: ${unused.join(', ')}`);
    return outcome;
  }

  async #result(): Promise<void> {
    try {
      await this.#deps.client.withAbortSignal(this.#ended.signal, () => this.handle.result());
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) throw error;
    }
  }

  /** Its task has failed, or is about to; or a worker whose code does not fit the run's history has no task, but says so when it is asked. */
  async #whyNoAnswer(executions: Executions): Promise<string | undefined> {
    for (let look = 0; look < FAILURE_LOOKS; look++) {
      const failure = await executions.lastFailure();
      if (failure !== undefined) return failure;
      await delay(LOOK_EVERY_MS);
    }
    try {
      await this.#deps.client.connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => this.handle.query(STATE));
      return undefined;
    } catch (error) {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      return cause instanceof Error ? cause.message : String(cause);
    }
  }

  async #read(): Promise<RehearsalOutcome> {
    const { client, jobsOf } = this.#deps;
    const { state, description } = await readRun({ client, run: this.id, timeoutMs: QUERY_TIMEOUT_MS });
    if (state === undefined) throw new RehearsalError('workflow_broken', `The run ${this.id} ended (${description.status.name}) and left no state: ${await this.#why()}`);
    return { state, tookMs: Date.parse(state.endedAt ?? state.updatedAt) - Date.parse(state.startedAt), jobs: jobsOf(this.id).map(rehearsedJob), answers: [...this.#answers] };
  }

  async #why(): Promise<string> {
    try {
      await this.handle.result();
      return 'its result holds none';
    } catch (error) {
      const cause = error instanceof WorkflowFailedError ? error.cause : error;
      return cause instanceof Error ? cause.message : String(cause);
    }
  }

  async #tooLong(): Promise<never> {
    const { clock, horizonMs } = this.#deps;
    await clock.reached(horizonMs);
    // A run that was refused before it had a state has ended without a word to hold the clock by.
    const { status } = await this.handle.describe();
    if (status.name !== 'RUNNING') return await never();
    throw new RehearsalError('too_long', `The run ${this.id} has not ended by ${new Date(horizonMs).toISOString()}: a job hangs, or the option horizon allows less than the run takes`);
  }

  /** A task that fails is tried again for ever, with nothing that its caller would hear of. */
  async #taskFailure(executions: Executions): Promise<never> {
    while (!this.#ended.signal.aborted) {
      const failure = await executions.look();
      if (failure !== undefined) throw broken(this.id, failure);
      // Rejects when the run has ended: by then nobody listens.
      await delay(LOOK_EVERY_MS, undefined, { signal: this.#ended.signal });
    }
    throw new RehearsalError('closed', 'The run has ended');
  }
}

/** For the side of a race that has nothing more to say. */
const never = (): Promise<never> => new Promise(() => undefined);

function rehearsedJob({ request, seen, startedAtMs }: ScriptedJob): RehearsedJob {
  const { key, stage, server, round, attempt, backend } = request;
  return {
    key,
    stage,
    ...(server !== undefined && { server }),
    round,
    attempt,
    backend,
    startedAt: new Date(startedAtMs).toISOString(),
    ...(seen.exit !== undefined && { endedAt: seen.exit.endedAt, exitCode: seen.exit.exitCode }),
    state: seen.state,
    ...(seen.resumedFrom !== undefined && { resumedFrom: seen.resumedFrom.step }),
    starts: seen.starts,
  };
}
