import { isLive, type JobRecord } from '../../../domain/run-state.js';
import type { JobView } from '../../../domain/status.js';
import { backendLabel, jobLabel } from '../../../domain/views.js';
import { html } from './html.js';
import { tellsUntil, type ReportInput } from './input.js';
import { table, type Section } from './layout.js';
import { between, folded, time } from './words.js';

/** What happened on the way: fall-backs, send-backs, repairs, reuse. */
export function notesSection({ view, state }: ReportInput): Section {
  const title = 'On the way';
  if (state === undefined) return { id: 'notes', title, filled: false, body: html`<p class="muted">Without a worker what happened on the way is not known.</p>` };
  if (view.notes.length === 0) return { id: 'notes', title, filled: false, body: html`<p class="muted">Nothing to show: no fall-back, send-back, repair or reuse.</p>` };
  return { id: 'notes', title, filled: true, body: table('Fall-backs, send-backs, repairs and reuse, oldest first', [{ title: 'When' }, { title: 'Stage' }, { title: 'What', text: true }], view.notes.map(({ at, stage, text }) => [time(at), stage, text])) };
}

const COLUMNS = [{ title: 'Job' }, { title: 'Attempt', right: true }, { title: 'Backend' }, { title: 'State' }, { title: 'Started' }, { title: 'Took', right: true }, { title: 'Starts', right: true }, { title: 'Exit', right: true }, { title: 'Host' }, { title: 'Why, and key', text: true }];

/** Every job that the run remembers. */
export function jobsSection(input: ReportInput): Section {
  const { view, state } = input;
  const title = 'Jobs';
  if (view.jobs.length === 0) return { id: 'jobs', title, filled: false, body: html`<p class="muted">Nothing to show: ${state === undefined ? 'no job reports just now' : 'no job was started'}.</p>` };
  const records = new Map(state?.jobs.map((job) => [job.key, job]));
  const until = tellsUntil(input);
  const rows = view.jobs.map((job) => {
    const record = records.get(job.key);
    return [
      jobLabel(job),
      `${job.attempt}${job.round > 1 ? ` (round ${job.round})` : ''}`,
      html`<span class="whole">${backendLabel(job)}</span>`,
      html`<span class="badge ${job.state}">${job.state}</span>`,
      time(record?.placedAt),
      record === undefined ? '' : took(record, until),
      String(job.starts),
      job.exitCode === null ? '–' : String(job.exitCode),
      html`<span class="whole">${job.host}</span>`,
      html`${why(job)}<div class="key">${folded(shortKey(job.key, view.runUid), job.key)}</div>`,
    ];
  });
  return { id: 'jobs', title, filled: true, body: table('Each job with the starts that its own wrapper recorded; the newest 50 that have ended, and all that run', COLUMNS, rows) };
}

const took = (job: JobRecord, until: string): string => (job.endedAt === undefined ? (isLive(job) ? between(job.placedAt, until) : '') : between(job.placedAt, job.endedAt));

/** Every key of a run begins with its uid, which stands at the top of the page. */
const shortKey = (key: string, runUid: string): string => (runUid !== '' && key.startsWith(`${runUid}.`) ? `…${key.slice(runUid.length)}` : key);

const why = ({ reason, observation, unknownSince }: JobView): string => [reason ?? '', observation === 'unknown' ? `nobody has seen it since ${unknownSince ?? 'a while'}` : ''].filter(Boolean).join('; ');
