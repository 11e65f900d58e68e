import {
  allHandlersFinished,
  condition,
  log,
  makeContinueAsNewFunc,
  setCurrentDetails,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import type { PipelineDescription } from '../domain/pipeline.js';
import type { RunInput } from '../domain/run-input.js';
import { reduce, type RunEvent } from '../domain/run-events.js';
import type { RunState } from '../domain/run-state.js';
import type { Limits } from '../domain/site.js';
import type { RunSpec } from '../domain/spec.js';
import { attributesOf, detailsOf, summaryText, type AttributeView } from '../domain/views.js';

/** `RunEvent` without its time, which the context adds. */
type Untimed<T> = T extends unknown ? Omit<T, 'at'> : never;

const CONTINUE = Symbol('continue as new');

/**
 * One run while its workflow is in memory: the state, the only way to change it (`emit`), and the only ways to wait
 * (`wait`, `waitUntil`). Waiting goes through here because continue-as-new is legal at any wait.
 */
export class RunContext {
  /** Set once the run is on its way to its end and takes no decision any more. */
  closing = false;
  /** The stage whose failure ends the run. */
  failing: string | undefined;
  private shown: AttributeView = {};
  private limits: Pick<Limits, 'maxHistoryEvents'> | undefined;

  constructor(
    readonly input: RunInput,
    readonly pipeline: PipelineDescription,
    readonly spec: RunSpec,
    private current: RunState,
  ) {
    const carried = workflowInfo().typedSearchAttributes;
    for (const name of ['FerryStage', 'FerryWaitingOn', 'FerryBackend', 'FerryVerdict'] as const) {
      const value = carried.get(keyword(name));
      if (value !== undefined) this.shown[name] = value;
    }
  }

  get state(): RunState {
    return this.current;
  }

  /** Workflow time, in ISO 8601 UTC. */
  now(): string {
    return new Date().toISOString();
  }

  emit(event: Untimed<RunEvent>): void {
    this.current = reduce(this.current, { ...event, at: this.now() });
    log.info(event.type, { runUid: this.current.runUid, round: this.current.round, ...namesIn(event) });
  }

  useLimits(limits: Limits): void {
    this.limits = limits;
  }

  /**
   * Waits for `body`. When the history has grown too long meanwhile, the run continues as new from its state: what the
   * body was doing is dropped, not undone, and the next execution takes it up again. `id` names the wait for rehearsals.
   */
  async wait<T>(id: string, body: () => Promise<T>): Promise<T> {
    this.show();
    let settled = false;
    const after = this.rehearsalDelay(id);
    // By hand, without a scope or a race: the sandbox writes down a stack for each promise that is made, and those were
    // most of what a wait costs.
    const result = await new Promise<T | typeof CONTINUE>((resolve, reject) => {
      body().then(
        (value) => {
          settled = true;
          resolve(value);
        },
        (error: unknown) => {
          settled = true;
          reject(error);
        },
      );
      // Holds once the work has settled as well, so that no condition is left to be evaluated for the rest of the run.
      const due = (): boolean => settled || after === 0 || this.historyIsLong();
      const reached = after === undefined || after === 0 ? condition(due) : condition(due, after);
      reached.then(() => (settled ? undefined : resolve(CONTINUE)), reject);
    });
    if (result !== CONTINUE) return result;
    return await this.continueAsNew(id);
  }

  /** Waits until the state satisfies `holds` or the time has come; the timer tells the Temporal UI what it is about. */
  async waitUntil(id: string, holds: () => boolean, until: string, summary: string): Promise<boolean> {
    const ms = Math.max(1, Date.parse(until) - Date.now());
    return await this.wait(id, () => condition(holds, ms, { summary: summaryText(summary) }));
  }

  async sleepUntil(id: string, until: string, summary: string): Promise<void> {
    const ms = Date.parse(until) - Date.now();
    if (ms > 0) await this.wait(id, () => sleep(ms, { summary: summaryText(summary) }));
  }

  /** Writes what people see: search attributes only where one has changed, since each write is an event. */
  show(): void {
    const wanted = attributesOf(this.current);
    const pairs = Object.entries(wanted).filter(([name, value]) => this.shown[name as keyof AttributeView] !== value && (value !== '' || this.shown[name as keyof AttributeView] !== undefined));
    if (pairs.length > 0) {
      upsertSearchAttributes(pairs.map(([name, value]) => ({ key: keyword(name), value })));
      this.shown = { ...this.shown, ...wanted };
    }
    this.showDetails();
  }

  /** The details alone: no command, so a decision that changes nothing else may call it. */
  showDetails(): void {
    setCurrentDetails(detailsOf(this.current));
  }

  private historyIsLong(): boolean {
    const info = workflowInfo();
    return info.continueAsNewSuggested || (this.limits !== undefined && info.historyLength > this.limits.maxHistoryEvents);
  }

  private rehearsalDelay(id: string): number | undefined {
    const rehearsal = this.input.rehearsal;
    // Two waits at once would take turns for ever if only the last one were known.
    return rehearsal?.lastWait === id || rehearsal?.waits?.includes(id) === true ? undefined : rehearsal?.continueAsNewAfterMs;
  }

  private async continueAsNew(id: string): Promise<never> {
    // An update whose handler has begun must be answered by this execution; the next one does not know of it.
    await condition(allHandlersFinished);
    const { carried: _, resume, ...input } = this.input;
    const next: RunInput = { ...input, carried: this.current };
    if (resume !== undefined) next.resume = resume;
    if (input.rehearsal !== undefined) next.rehearsal = { ...input.rehearsal, lastWait: id, waits: [...(input.rehearsal.waits ?? []), id] };
    const again = makeContinueAsNewFunc<(input: RunInput) => Promise<unknown>>({ workflowType: workflowInfo().workflowType });
    return await again(next);
  }
}

const keyword = (name: string): ReturnType<typeof defineSearchAttributeKey<'KEYWORD'>> => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);

/** The fields by which logs are searched. */
function namesIn(event: object): Record<string, unknown> {
  const { stage, key, attempt, gate } = event as Record<string, unknown>;
  const id = typeof gate === 'object' && gate !== null ? (gate as { id: string }).id : gate;
  return Object.fromEntries(Object.entries({ stage, key, attempt, gate: id }).filter(([, value]) => value !== undefined));
}
