// A store with a model and its evidence, and releases of them written into layouts.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ArtifactRef } from '../../../src/domain/artifact.js';
import { approvalDigests } from '../../../src/domain/approval.js';
import { decideOn } from '../../../src/domain/gate.js';
import { LocalStore } from '../../../src/engines/artifacts/local-store.js';
import { blobPath, type BlobFile } from '../../../src/engines/oci/blobs.js';
import { OciIndex, OciManifest } from '../../../src/engines/oci/documents.js';
import { releaseDocument } from '../../../src/engines/oci/release-document.js';
import { planRelease, type ReleasePart, type ReleasePlan } from '../../../src/engines/oci/release-plan.js';
import { writeRelease } from '../../../src/engines/oci/write-release.js';
import { approvalGate, at, decision } from '../../domain/kit.js';

export const MODEL_FILES = { 'config.json': '{"hidden":8}', 'weights/1.safetensors': 'one', 'weights/2.safetensors': 'two', 'README.md': '# tiny', 'run.py': 'print()' };
export const EVIDENCE: Readonly<Record<string, Record<string, string>>> = { quality: { 'report.json': '{"score":1}', 'answers.txt': 'yes' }, validation: { 'report.json': '{"passed":true}' } };

export interface Prepared {
  plan: ReleasePlan;
  files: BlobFile[];
  releaseJson: string;
  model: string;
  version: string;
}

export interface WriteOptions {
  root?: string;
  version?: string;
  run?: string;
  model?: Record<string, string>;
  reason?: string;
  name?: string;
  onStep?: (step: string) => void;
}

export class ReleaseBench {
  readonly place = mkdtempSync(join(tmpdir(), 'modelferry-oci-'));
  readonly store = new LocalStore(join(this.place, 'store'));
  readonly root = join(this.place, 'releases');
  readonly layout = join(this.root, 'tiny');
  #count = 0;

  async add(kind: string, files: Record<string, string>): Promise<ArtifactRef> {
    const folder = join(this.place, `in-${(this.#count += 1)}`);
    mkdirSync(folder);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return await this.store.adopt(folder, { kind });
  }

  /** As publish does it, without what it proves first. */
  async prepare({ version = '1', run = 'run-1', model: modelFiles = MODEL_FILES, reason = 'fine', name = 'tiny' }: WriteOptions = {}): Promise<Prepared> {
    const model = await this.add('model', modelFiles);
    const evidence: Record<string, ArtifactRef> = {};
    for (const [of, content] of Object.entries(EVIDENCE)) evidence[of] = await this.add('evaluation', content);
    const files: BlobFile[] = [];
    const partOf = async ({ kind, digest }: ArtifactRef): Promise<ReleasePart> => {
      const stored = await this.store.files(digest);
      files.push(...stored.map(({ source, sha256, bytes }) => ({ source, bytes, digest: `sha256:${sha256}` })));
      return { kind, digest, files: stored };
    };
    const parts: Record<string, ReleasePart> = {};
    for (const [of, ref] of Object.entries(evidence)) parts[of] = await partOf(ref);
    const plan = planRelease({ model: name, version, run, runUid: 'uid-00001', weights: await partOf(model), evidence: parts });
    const digests = approvalDigests({ model, evidence, roles: [], excluded: [], identity: 'asserted' });
    const gate = decideOn(approvalGate({ digests }), decision({ approver: 'ana', reason }), at(2), 'update').gate;
    return { plan, files, releaseJson: releaseDocument({ name, version, run, runUid: 'uid-00001', gate, model, evidence }, plan), model: name, version };
  }

  async write(options: WriteOptions = {}): Promise<string> {
    return await writeRelease({ root: options.root ?? this.root, ...(await this.prepare(options)), ...(options.onStep && { onStep: options.onStep }) });
  }

  index(layout = this.layout): OciIndex {
    return OciIndex.parse(JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')));
  }

  manifest(digest: string, layout = this.layout): OciManifest {
    return OciManifest.parse(JSON.parse(readFileSync(blobPath(layout, digest), 'utf8')));
  }

  /** Every file of a layout with its content. */
  contents(layout = this.layout): Record<string, string> {
    const files = readdirSync(layout, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return Object.fromEntries(files.map(({ parentPath, name }) => join(parentPath, name)).sort().map((path) => [path.slice(layout.length + 1), readFileSync(path, 'latin1')]));
  }

  /** Writes over a blob in place, however it is protected. */
  overwrite(digest: string, text: string): void {
    const path = blobPath(this.layout, digest);
    rmSync(path);
    writeFileSync(path, text);
    chmodSync(path, 0o444);
  }

  remove(): void {
    rmSync(this.place, { recursive: true, force: true });
  }
}
