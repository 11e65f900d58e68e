import * as z from 'zod';
import type { ArtifactRef } from '../../domain/artifact.js';
import { Digest, canonicalJson } from '../../domain/canonical.js';
import type { Gate } from '../../domain/gate.js';
import type { ReleasePlan } from './release-plan.js';

const Artifact = z.looseObject({ kind: z.string(), digest: Digest });
const Decision = z.looseObject({ approver: z.string(), role: z.string(), verdict: z.string(), reason: z.string(), route: z.string(), at: z.string() });

/** `release.json` as it is read back. Loose: fields are added freely. */
export const ReleaseDocument = z.looseObject({
  schema: z.literal('modelferry.release/1'),
  model: z.string(),
  version: z.string(),
  run: z.string(),
  runUid: z.string(),
  /** The model and the evidence, by name. */
  artifacts: z.record(z.string(), Artifact),
  approval: z.looseObject({ identity: z.string(), digests: z.looseObject({ model: Digest, evidence: Digest, policy: Digest }), decisions: z.array(Decision) }),
  /** Digests of their OCI manifests; those of before there was a layout lack it. */
  oci: z.looseObject({ model: Digest, evidence: z.record(z.string(), Digest) }),
});
export type ReleaseDocument = z.infer<typeof ReleaseDocument>;

export interface ReleaseDocumentInput {
  name: string;
  version: string;
  run: string;
  runUid: string;
  gate: Gate;
  model: ArtifactRef;
  evidence: Record<string, ArtifactRef>;
}

/** The record of a release as one canonical document: nothing in it depends on when or where it is written, so a second try is the same record. */
export function releaseDocument({ name, version, run, runUid, gate, model, evidence }: ReleaseDocumentInput, plan: ReleasePlan): string {
  return canonicalJson({
    schema: 'modelferry.release/1',
    model: name,
    version,
    run,
    runUid,
    artifacts: { ...evidence, model },
    approval: { identity: gate.identity, digests: gate.digests, decisions: gate.counted, at: gate.outcome?.at },
    oci: { model: plan.model.descriptor.digest, evidence: Object.fromEntries(Object.entries(plan.evidence).map(([of, { descriptor }]) => [of, descriptor.digest])) },
  });
}
