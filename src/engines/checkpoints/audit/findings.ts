import type { AuditReport } from '../../../domain/reports/audit-report.js';
import { oneLine } from '../../../domain/text.js';

const MAX_TEXT = 300;
const MAX_REASONS = 20;
const MAX_PROBLEMS = 100;

/** What an audit found, as it goes. Anything it could not look at keeps it from passing. */
export class Findings {
  readonly #faults: string[] = [];
  readonly #unseen: string[] = [];
  readonly #held: string[] = [];

  /** The target is not what it has to be. */
  fault(text: string): void {
    this.#faults.push(oneLine(text, MAX_TEXT));
  }

  /** Something that could not be looked at, or that only a person can judge. */
  unsure(text: string): void {
    this.#unseen.push(oneLine(text, MAX_TEXT));
  }

  /** A check that was made and held. */
  held(text: string): void {
    this.#held.push(oneLine(text, MAX_TEXT));
  }

  get problems(): string[] {
    return capped([...this.#faults, ...this.#unseen], MAX_PROBLEMS);
  }

  /** Fail where anything is wrong, else inconclusive where anything is open; pass takes at least one check that held. */
  verdict(): AuditReport['verdict'] {
    const open = [...this.#faults, ...this.#unseen];
    if (open.length > 0) return { value: this.#faults.length > 0 ? 'fail' : 'inconclusive', reasons: capped(open, MAX_REASONS) };
    if (this.#held.length === 0) return { value: 'inconclusive', reasons: ['nothing was looked at'] };
    return { value: 'pass', reasons: this.#held.slice(0, MAX_REASONS) };
  }
}

/** At most `max` texts, the last of which counts those that are left out. */
export function capped(texts: readonly string[], max: number): string[] {
  return texts.length <= max ? [...texts] : [...texts.slice(0, max - 1), `and ${texts.length - max + 1} more`];
}
