import * as z from 'zod';
import { Digest } from './canonical.js';

/** Where artifacts may live. A new kind needs a folder under `activities/artifacts/stores/` and a row in its registry. */
export const StoreKind = z.enum(['local-dir']);
export type StoreKind = z.infer<typeof StoreKind>;

/** What an artifact is: a free word in kebab-case, such as `dataset`, `checkpoint` or `evaluation`. */
export const ArtifactKind = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'a kind in kebab-case, such as checkpoint');

const Word = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,39}$/, 'a word in lower case, such as bf16 or hf-shards');

/**
 * What may be declared of an artifact beside its kind. Each that a reader declares must be the one that the maker
 * declares; what it leaves open may be anything.
 */
export const Facets = z.strictObject({
  dtype: Word.optional().describe('Number format of its tensors, such as bf16 or fp8-e4m3.'),
  layout: Word.optional().describe('How its files are laid out, such as hf-shards.'),
  tokenizer: Digest.optional().describe('Digest of the tokenizer that it was made for.'),
});
export type Facets = z.infer<typeof Facets>;
export const FACETS = ['dtype', 'layout', 'tokenizer'] as const satisfies readonly (keyof Facets)[];

/** A kind of artifact and what is known of it before it exists. */
export const ArtifactType = z.strictObject({ kind: ArtifactKind, ...Facets.shape });
export type ArtifactType = z.infer<typeof ArtifactType>;

/** In what `made` is not what a reader needs, as `dtype fp32 instead of bf16`; empty when it fits. */
export function misfits(needed: ArtifactType, made: ArtifactType): string[] {
  const keys = ['kind', ...FACETS] as const;
  return keys.flatMap((key) => (needed[key] === undefined || needed[key] === made[key] ? [] : [`${key} ${made[key] ?? 'not declared'} instead of ${needed[key]}`]));
}

/** The type of an artifact that exists: its facets stand in its annotations. */
export const typeOf = (ref: ArtifactRef): ArtifactType => ({ kind: ref.kind, ...Facets.safeParse(Object.fromEntries(FACETS.map((facet) => [facet, ref.annotations?.[facet]]))).data });

/** The type alone, of something that says more of an artifact than its type. */
export const plainType = (type: ArtifactType): ArtifactType => ({ kind: type.kind, ...annotationsOf(type) });

/** A type's facets as the annotations of an artifact. */
export const annotationsOf = (type: ArtifactType): Record<string, string> => Object.fromEntries(FACETS.flatMap((facet) => (type[facet] === undefined ? [] : [[facet, type[facet]]])));

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
