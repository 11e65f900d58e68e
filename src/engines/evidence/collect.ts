import type * as z from 'zod';
import { AuditReport } from '../../domain/reports/audit-report.js';
import { DatasetCard } from '../../domain/reports/dataset-card.js';
import { ParityReport } from '../../domain/reports/parity-report.js';
import { QualityReport } from '../../domain/reports/quality-report.js';
import { formatPath } from '../../domain/problems.js';
import { oneLine } from '../../domain/text.js';
import type { LocalStore } from '../artifacts/local-store.js';
import { ReleaseDocument } from '../oci/release-document.js';
import { readJson } from './read-json.js';
import { TrainerState } from './trainer-state.js';

/** `release.json`; records of before releases were image layouts have no `oci`. */
const ReleaseRecord = ReleaseDocument.partial({ oci: true });
export type ReleaseRecord = z.infer<typeof ReleaseRecord>;

/** Where each kind of evidence is: the file of an artifact, by the artifact's name in the run. */
const KINDS = {
  dataset: { artifact: 'dataset', file: 'manifest.json', form: DatasetCard },
  training: { artifact: 'checkpoint', file: 'trainer_state.json', form: TrainerState },
  quality: { artifact: 'quality', file: 'quality.json', form: QualityReport },
  audit: { artifact: 'audit', file: 'audit.json', form: AuditReport },
  parity: { artifact: 'validation', file: 'report.json', form: ParityReport },
  release: { artifact: 'release', file: 'release.json', form: ReleaseRecord },
} as const satisfies Record<string, { artifact: string; file: string; form: z.ZodType }>;

export type EvidenceKind = keyof typeof KINDS;

/** An artifact that evidence is looked for in. `caveat` says what is to be known of it, such as that its job did not pass. */
export interface EvidenceArtifact {
  digest: string;
  caveat?: string;
}

/** What was found: the value in its form, nothing (of no harm: a run may have other outputs), or something that can't be trusted. */
export type Finding<T> =
  | { state: 'read'; value: T; digest: string; file: string; caveat?: string }
  | { state: 'absent'; why: string }
  | { state: 'unreadable'; problem: string; digest: string; file: string };

export type Evidence = { [K in EvidenceKind]: Finding<z.infer<(typeof KINDS)[K]['form']>> };

/** The evidence of a run whose artifacts nobody could tell: none, and not that it has none. */
export function noEvidence(why: string): Evidence {
  const absent = { state: 'absent', why } as const;
  return { dataset: absent, training: absent, quality: absent, audit: absent, parity: absent, release: absent };
}

/** Reads all evidence there is among a run's artifacts, by their names. Never throws for an artifact's sake. */
export async function collectEvidence(store: LocalStore, artifacts: Readonly<Record<string, EvidenceArtifact>>): Promise<Evidence> {
  const [dataset, training, quality, audit, parity, release] = await Promise.all([
    find(store, artifacts, KINDS.dataset),
    find(store, artifacts, KINDS.training),
    find(store, artifacts, KINDS.quality),
    find(store, artifacts, KINDS.audit),
    find(store, artifacts, KINDS.parity),
    find(store, artifacts, KINDS.release),
  ]);
  return { dataset, training, quality, audit, parity, release };
}

interface Kind<F extends z.ZodType> {
  artifact: string;
  file: string;
  form: F;
}

async function find<F extends z.ZodType>(store: LocalStore, artifacts: Readonly<Record<string, EvidenceArtifact>>, { artifact, file, form }: Kind<F>): Promise<Finding<z.infer<F>>> {
  const found = Object.hasOwn(artifacts, artifact) ? artifacts[artifact] : undefined;
  if (found === undefined) return { state: 'absent', why: `the run has no artifact ${artifact}` };
  const { digest, caveat } = found;
  const reading = await readJson(store, digest, file);
  if (reading.state === 'absent') return { state: 'absent', why: `its ${artifact} ${reading.why}` };
  if (reading.state === 'unreadable') return { ...reading, problem: oneLine(reading.problem, 400), digest, file };
  const parsed = form.safeParse(reading.value);
  if (parsed.success) return { state: 'read', value: parsed.data, digest, file, ...(caveat === undefined ? {} : { caveat }) };
  if (isOfAnotherForm(form, reading.value)) return { state: 'absent', why: `the ${file} of its ${artifact} has a form of its own` };
  return { state: 'unreadable', problem: oneLine(`${file} is not as it should be: ${issueText(parsed.error)}`, 400), digest, file };
}

/** Whether it does not claim to be what we look for: then it is somebody's own file under that name, and no damage. */
function isOfAnotherForm(form: z.ZodType, value: unknown): boolean {
  const schema: unknown = typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined;
  const claim = (form as unknown as { shape?: { schema?: z.ZodType } }).shape?.schema;
  return claim !== undefined && !claim.safeParse(schema).success;
}

function issueText({ issues }: z.ZodError): string {
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return first === undefined ? 'unknown form' : `${formatPath(first.path)}: ${first.message}${more}`;
}
