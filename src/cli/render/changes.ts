import type { JobView, RunStatusView, StageView } from '../../domain/status.js';
import { oneLine } from '../../domain/text.js';
import { backendLabel, jobLabel } from '../../domain/views.js';
import { moment, progressText } from './status.js';

/** Between two lines of progress: a log of a day-long job stays readable. */
const PROGRESS_EVERY_MS = 30_000;

/**
 * Tells what changed between looks at a run, one line a change: for logs and pipes, where nothing can be redrawn.
 * Remembers what it has told.
 */
export class ChangeTeller {
  private before: RunStatusView | undefined;
  private readonly progressAt = new Map<string, number>();
  private notesTold = '';

  /** The lines for this look; none when nothing changed. */
  tell(view: RunStatusView, now: number): string[] {
    const lines = [...this.source(view)];
    // Visibility knows too little to compare with: it would seem to undo what the state has told.
    if (view.source === 'query') lines.push(...this.stages(view, now), ...this.notes(view));
    lines.push(...this.waits(view), ...this.end(view));
    if (view.source === 'query' || this.before === undefined) this.before = view;
    return lines.map((line) => oneLine(line, 1000));
  }

  private lastSource: RunStatusView['source'] = 'query';
  private reasonTold = false;

  /** The server may know the reason why no worker answers: mostly it is found out some looks later, and told once. */
  private source(view: RunStatusView): string[] {
    const changed = view.source !== this.lastSource;
    this.lastSource = view.source;
    if (view.source === 'query') {
      this.reasonTold = false;
      return changed ? ['a worker answers again'] : [];
    }
    const reason = this.reasonTold ? undefined : view.notes[0]?.text;
    if (reason !== undefined) this.reasonTold = true;
    if (reason !== undefined) return [`no worker answers: ${reason}`];
    return changed ? ['no worker answers; start one with: ferry worker'] : [];
  }

  /** A stage begins before its jobs, and ends or waits after them, however much happened between two looks. */
  private stages(view: RunStatusView, now: number): string[] {
    return view.stages.flatMap((stage) => {
      const own = this.stage(stage);
      const jobs = this.jobs(view.jobs.filter((job) => job.stage === stage.name), now);
      return stage.state === 'running' ? [...own, ...jobs] : [...jobs, ...own];
    });
  }

  private stage(stage: StageView): string[] {
    const old = this.before?.stages.find(({ name }) => name === stage.name);
    if (old?.state === stage.state && old.round === stage.round) return [];
    if (old === undefined && stage.state === 'pending') return [];
    const reason = stage.reason === null ? '' : ` (${stage.reason})`;
    return [`${stage.name}: ${stage.state}${stage.round > 1 ? `, round ${stage.round}` : ''}${reason}`];
  }

  private jobs(jobs: readonly JobView[], now: number): string[] {
    return jobs.flatMap((job) => {
      const old = this.before?.jobs.find(({ key }) => key === job.key);
      const name = `${jobLabel(job)} attempt ${job.attempt} on ${backendLabel(job)}`;
      const lines = old?.state === job.state ? [] : [`${name}: ${job.state}${job.reason === null ? '' : ` (${job.reason})`}`];
      if (old !== undefined && old.observation !== job.observation) lines.push(`${name}: ${job.observation === 'unknown' ? `not seen since ${job.unknownSince ?? 'a while'}` : 'seen again'}`);
      return [...lines, ...this.progress(job, name, now)];
    });
  }

  private progress(job: JobView, name: string, now: number): string[] {
    if (job.progress === null || job.state !== 'running' || now - (this.progressAt.get(job.key) ?? 0) < PROGRESS_EVERY_MS) return [];
    this.progressAt.set(job.key, now);
    return [`${name}: ${progressText(job, now)}`];
  }

  private notes(view: RunStatusView): string[] {
    const fresh = view.notes.filter(({ at }) => at > this.notesTold);
    this.notesTold = view.notes.at(-1)?.at ?? this.notesTold;
    return fresh.map(({ at, stage, text }) => `${moment(at)} ${stage}: ${text}`);
  }

  private waits(view: RunStatusView): string[] {
    const told = this.before?.waitingOn.map(({ gate, since }) => `${gate} ${since ?? ''}`) ?? [];
    return view.waitingOn
      .filter(({ gate, since }) => view.source === 'query' ? !told.includes(`${gate} ${since ?? ''}`) : this.before === undefined)
      .map(({ gate, roles, commands }) => `waiting for ${roles.join(', ')} at ${gate}: ${commands.ferry}`);
  }

  private end(view: RunStatusView): string[] {
    if (view.endedAt === null || view.state === this.before?.state) return [];
    const why = view.failure !== null && view.state !== 'completed' ? `: ${view.failure.kind}: ${view.failure.message}` : view.release === null ? '' : `: ${view.release.ref}`;
    return [`${view.state}${why}`];
  }
}
