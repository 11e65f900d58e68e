import type { RunReading } from '../../../client/describe.js';
import type { Evidence } from '../../../engines/evidence/collect.js';

/** All that a page is made of: nothing else is looked at, so that the same input makes the same page. */
export interface ReportInput {
  view: RunReading['view'];
  /** The run's own state; undefined when no worker answered. */
  state?: RunReading['state'];
  evidence: Evidence;
  /** When a run that goes on was looked at, in ISO 8601 UTC. One that has ended needs none. */
  lookedAt: string;
}

/** The moment up to which the page tells: the run's end, or when it was looked at. */
export const tellsUntil = ({ view, lookedAt }: ReportInput): string => view.endedAt ?? lookedAt;
