import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import * as z from 'zod';
import type { ArtifactRef } from '../../domain/artifact.js';
import { excludedFrom, requestersOf, unproved, type ApprovalSubject } from '../../domain/approval.js';
import type { Gate } from '../../domain/gate.js';
import { rolesOf, type SiteView } from '../../domain/site-view.js';
import { StartInput } from '../../domain/run-input.js';
import { QuorumRules, Name, type QuorumRule } from '../../domain/sections.js';
import type { StopCode } from '../../domain/failure.js';
import { oneLine } from '../../domain/text.js';
import { isStorageFull } from '../../engines/artifacts/store-error.js';
import type { BlobFile } from '../../engines/oci/blobs.js';
import { checkUntaken, placeOf } from '../../engines/oci/layout-index.js';
import { releaseDocument } from '../../engines/oci/release-document.js';
import { ReleaseError, type ReleaseErrorCode } from '../../engines/oci/release-error.js';
import { planRelease, type ReleasePart } from '../../engines/oci/release-plan.js';
import { writeRelease } from '../../engines/oci/write-release.js';
import { failure } from '../../temporal-failure.js';
import type { ArtifactStore } from '../artifacts/stores/store.js';
import { beating, storeFailure } from '../guards.js';
import { readRecord } from './history.js';

/** What a run asks to be published, and the gate that approved it. Nothing of it is believed. */
export interface PublishRequest {
  run: string;
  runUid: string;
  /** The execution that asks; the history of its chain is read back to when the gate opened. */
  executionRunId: string;
  name: string;
  version: string;
  /** Who asked for the release, as the run has it: it can only add to what the server recorded of the start. */
  requesters: string[];
  /** What the run's own code and spec ask beside the site's floor: it can only tighten it. */
  roles?: QuorumRule[];
  gate: Gate;
  model: ArtifactRef;
  evidence: Record<string, ArtifactRef>;
}

/** The last word on a release. */
export interface ReleaseActivities {
  /** Verifies the approvals and every byte of what they are about, then writes the release into the layout of its model. Idempotent: same request, same digests. */
  publishRelease(request: PublishRequest): Promise<PublishedRelease>;
}

/** What was written. */
export interface PublishedRelease {
  /** The artifact that holds release.json. */
  release: ArtifactRef;
  /** `oci:LAYOUT:VERSION@DIGEST`. */
  ref: string;
  /** The one of `ref`: of the model's manifest. Workers of before there was a layout did not tell it. */
  digest?: string;
}

const STOP_OF_RELEASE_ERROR = {
  release_exists: 'release_exists',
  release_refused: 'release_refused',
  release_missing: 'artifact_missing',
  release_damaged: 'artifact_corrupt',
  release_busy: 'storage_unavailable',
} as const satisfies Record<ReleaseErrorCode, StopCode>;

/**
 * The activity under this worker's own site. `client` reads histories; `releasesRoot`, absolute, has the layouts.
 * Throws ApplicationFailure: `approval_unproved`, `release_exists`, `release_refused` and those of the store.
 */
export function createReleaseActivities(deps: { store: ArtifactStore; siteView: SiteView; client: Client; releasesRoot: string }): ReleaseActivities {
  return {
    publishRelease: (request) =>
      beating(async () => {
        const { siteView } = deps;
        const record = await readRecord(deps.client, request.run, request.executionRunId, request.gate.openedAt);
        const { spec, requesters } = askedForIn(record.start);
        // They become a directory and a tag, so another run's release could be taken for this one's.
        if (request.name !== spec.model || request.version !== spec.version)
          throw failure('approval_unproved', `not published: the run was started for ${spec.model} ${spec.version} and asks for ${oneLine(`${request.name} ${request.version}`, 200)}`);
        const subject: ApprovalSubject = {
          model: request.model,
          evidence: request.evidence,
          // In the order in which the gate has them: the policy's digest covers it.
          roles: rolesOf(siteView, [...(request.roles ?? []), ...rolesIn(spec, request.gate.stage)]),
          excluded: excludedFrom(siteView, [...requesters, ...request.requesters]),
          identity: siteView.approval.identity,
        };
        const problems = unproved(request.gate, subject, record.messages);
        if (problems.length > 0) throw failure('approval_unproved', `not published: ${problems.join('; ')}`.slice(0, 1000));
        for (const ref of [request.model, ...Object.values(request.evidence)]) {
          const wrong = await deps.store.verify(ref.digest).catch(storeFailure);
          if (wrong.length > 0) throw failure('artifact_corrupt', `not published: ${ref.kind} ${ref.digest}: ${wrong.join('; ')}`.slice(0, 1000));
        }
        return await write(deps.store, deps.releasesRoot, request).catch(releaseFailure);
      }),
  };
}

/** What a release is bound to in any spec, whatever its pipeline. */
const AskedFor = z.looseObject({
  model: Name('a model name'),
  version: Name('a version'),
  author: z.string().optional(),
  stages: z.record(z.string(), z.unknown()).default({}),
});
type AskedFor = z.infer<typeof AskedFor>;

/** The roles that a spec adds at an approval stage. */
const rolesIn = (spec: AskedFor, stage: string): QuorumRule[] => {
  const section = Object.hasOwn(spec.stages, stage) ? spec.stages[stage] : undefined;
  return z.looseObject({ roles: QuorumRules.default([]) }).safeParse(section).data?.roles ?? [];
};

/** Who asked for what, from the run's recorded start. */
function askedForIn(start: unknown): { spec: AskedFor; requesters: string[] } {
  const input = StartInput.safeParse(start).data;
  const spec = AskedFor.safeParse((start as { spec?: unknown } | null | undefined)?.spec).data;
  if (input === undefined || spec === undefined) throw failure('approval_unproved', 'not published: nobody can tell from the start of the run who asked for it; start it with ferry start');
  return { spec, requesters: requestersOf(spec, input) };
}

/** Into the store first and into the layout last: what the index names is whole, and the pipeline has its record. */
async function write(store: ArtifactStore, root: string, request: PublishRequest): Promise<PublishedRelease> {
  const { name, version, run, runUid, model, evidence } = request;
  const files: BlobFile[] = [];
  const partOf = async ({ kind, digest }: ArtifactRef): Promise<ReleasePart> => {
    const stored = await store.files(digest);
    files.push(...stored.map(({ source, sha256, bytes }) => ({ source, bytes, digest: `sha256:${sha256}` })));
    return { kind, digest, files: stored };
  };
  const parts: Record<string, ReleasePart> = {};
  for (const [of, ref] of Object.entries(evidence)) parts[of] = await partOf(ref);
  const plan = planRelease({ model: name, version, run, runUid, weights: await partOf(model), evidence: parts });
  checkUntaken(placeOf(root, name).layout, version, plan.model.descriptor.digest);
  const releaseJson = releaseDocument(request, plan);
  const { digest } = plan.model.descriptor;
  const release = await keep(store, releaseJson, { model: name, version, manifest: digest });
  return { release, ref: await writeRelease({ root, model: name, version, plan, files, releaseJson }), digest };
}

/** The pipeline's own artifact of the release, which rollOut gets. */
async function keep(store: ArtifactStore, releaseJson: string, annotations: Record<string, string>): Promise<ArtifactRef> {
  const folder = await mkdtemp(join(tmpdir(), 'modelferry-release-'));
  try {
    const file = join(folder, 'release.json');
    await writeFile(file, releaseJson);
    return await store.add(file, { kind: 'release', annotations });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A full disk is for a person to clear: trying again for minutes only hides it. */
function releaseFailure(error: unknown): never {
  if (isStorageFull(error)) throw failure('storage_full', `not published: ${error instanceof Error ? error.message : String(error)}`.slice(0, 1000));
  if (error instanceof ReleaseError) throw failure(STOP_OF_RELEASE_ERROR[error.code], `not published: ${error.message}`.slice(0, 1000));
  return storeFailure(error);
}
