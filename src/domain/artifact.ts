import * as z from 'zod';
import { Digest } from './canonical.js';

/** Where artifacts may live. A new kind needs a folder under `activities/artifacts/stores/` and a row in its registry. */
export const StoreKind = z.enum(['local-dir']);
export type StoreKind = z.infer<typeof StoreKind>;

/** What an artifact is: a free word in kebab-case, such as `dataset`, `checkpoint` or `evaluation`. */
export const ArtifactKind = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'a kind in kebab-case, such as checkpoint');

const MAX_ANNOTATION_BYTES = 2048;

/**
 * A reference to an immutable artifact. Workflows pass references, never content.
 * `digest` is the sha256 of the canonical manifest, `bytes` the sum of its files, `uri` says in which store it was put.
 */
export const ArtifactRef = z.strictObject({
  kind: ArtifactKind,
  uri: z.string().max(512),
  digest: Digest,
  bytes: z.number().int().nonnegative(),
  annotations: z
    .record(z.string().max(64), z.string().max(512))
    .refine((a) => new TextEncoder().encode(JSON.stringify(a)).length <= MAX_ANNOTATION_BYTES, `annotations of at most ${MAX_ANNOTATION_BYTES} bytes`)
    .optional(),
});
export type ArtifactRef = z.infer<typeof ArtifactRef>;

/** One file of an artifact. `path` is relative, with `/` between its parts, and never leaves the artifact. */
export const ManifestFile = z.strictObject({
  path: z.string().min(1).max(1024),
  bytes: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ManifestFile = z.infer<typeof ManifestFile>;

/** What an artifact's digest covers: its files in the order of their paths (by UTF-16 code unit). */
export const Manifest = z.strictObject({
  schema: z.literal('modelferry.manifest/1'),
  files: z.array(ManifestFile).max(100_000),
});
export type Manifest = z.infer<typeof Manifest>;
