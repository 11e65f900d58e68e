import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { ArtifactRef } from '../../domain/artifact.js';
import { excludedFrom, requestersOf, unproved, type ApprovalSubject } from '../../domain/approval.js';
import { canonicalJson } from '../../domain/canonical.js';
import type { Gate } from '../../domain/gate.js';
import { rolesOf, type SiteView } from '../../domain/site-view.js';
import { StartInput } from '../../domain/run-input.js';
import { RunSpec } from '../../domain/spec.js';
import { failure } from '../../temporal-failure.js';
import type { ArtifactStore } from '../artifacts/stores/store.js';
import { beating, storeFailure } from '../guards.js';
import { readRecord } from './history.js';

export interface PublishRequest {
  run: string;
  runUid: string;
  /** The execution that asks; the history of its chain is read back to when the gate opened. */
  executionRunId: string;
  name: string;
  version: string;
  /** Who asked for the release, as the run has it: it can only add to what the server recorded of the start. */
  requesters: string[];
  gate: Gate;
  model: ArtifactRef;
  evidence: Record<string, ArtifactRef>;
}

export interface ReleaseActivities {
  /** Verifies the approvals and every byte of what they are about, then writes the release down. Idempotent: same request, same digest. */
  publishRelease(request: PublishRequest): Promise<{ release: ArtifactRef; ref: string }>;
}

export function createReleaseActivities(deps: { store: ArtifactStore; siteView: SiteView; client: Client }): ReleaseActivities {
  return {
    publishRelease: (request) =>
      beating(async () => {
        const { siteView } = deps;
        const record = await readRecord(deps.client, request.run, request.executionRunId, request.gate.openedAt);
        const { spec, requesters } = askedForIn(record.start);
        const subject: ApprovalSubject = {
          model: request.model,
          evidence: request.evidence,
          roles: rolesOf(siteView, spec.stages.approve?.roles ?? []),
          excluded: excludedFrom(siteView, [...requesters, ...request.requesters]),
          identity: siteView.approval.identity,
        };
        const problems = unproved(request.gate, subject, record.messages);
        if (problems.length > 0) throw failure('approval_unproved', `not published: ${problems.join('; ')}`.slice(0, 1000));
        for (const ref of [request.model, ...Object.values(request.evidence)]) {
          const wrong = await deps.store.verify(ref.digest).catch(storeFailure);
          if (wrong.length > 0) throw failure('artifact_corrupt', `not published: ${ref.kind} ${ref.digest}: ${wrong.join('; ')}`.slice(0, 1000));
        }
        const release = await write(deps.store, request);
        return { release, ref: `${request.name}:${request.version}@${release.digest}` };
      }),
  };
}

/** Who asked for what, from the run's recorded start. */
function askedForIn(start: unknown): { spec: RunSpec; requesters: string[] } {
  const input = StartInput.safeParse(start).data;
  const spec = RunSpec.safeParse((start as { spec?: unknown } | null | undefined)?.spec).data;
  if (input === undefined || spec === undefined) throw failure('approval_unproved', 'not published: nobody can tell from the start of the run who asked for it; start it with ferry start');
  return { spec, requesters: requestersOf(spec, input) };
}

/** The release as one canonical document: nothing in it depends on when it is written, so a second try is the same release. */
async function write(store: ArtifactStore, request: PublishRequest): Promise<ArtifactRef> {
  const { name, version, run, runUid, gate, model, evidence } = request;
  const document = canonicalJson({
    schema: 'modelferry.release/1',
    model: name,
    version,
    run,
    runUid,
    artifacts: { model, ...evidence },
    approval: { identity: gate.identity, digests: gate.digests, decisions: gate.counted, at: gate.outcome?.at },
  });
  const folder = await mkdtemp(join(tmpdir(), 'modelferry-release-'));
  try {
    const file = join(folder, 'release.json');
    await writeFile(file, document);
    return await store.add(file, { kind: 'release', annotations: { model: name, version } }).catch(storeFailure);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
