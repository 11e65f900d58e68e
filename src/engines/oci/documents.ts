import * as z from 'zod';
import { Digest } from '../../domain/canonical.js';
import { MEDIA } from './media-types.js';
import { ReleaseError } from './release-error.js';

/** What registries commonly take as a manifest, and clients read of one. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Room for more than ten thousand releases of one model. */
export const MAX_INDEX_BYTES = 16 * 1024 * 1024;

// Loose where other tools may have written something of their own, which an update must keep.
const Annotations = z.record(z.string(), z.string());
const Size = z.number().int().nonnegative();

export const Descriptor = z.looseObject({ mediaType: z.string().min(1), digest: Digest, size: Size, artifactType: z.string().optional(), annotations: Annotations.optional() });
export type Descriptor = z.infer<typeof Descriptor>;

export const OciManifest = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(MEDIA.manifest),
  artifactType: z.string().optional(),
  config: Descriptor,
  layers: z.array(Descriptor),
  subject: Descriptor.optional(),
  annotations: Annotations.optional(),
});
export type OciManifest = z.infer<typeof OciManifest>;

export const OciIndex = z.looseObject({ schemaVersion: z.literal(2), mediaType: z.literal(MEDIA.index).optional(), manifests: z.array(Descriptor) });
export type OciIndex = z.infer<typeof OciIndex>;

export const OciLayout = z.looseObject({ imageLayoutVersion: z.literal('1.0.0') });

export const ModelConfig = z.looseObject({
  descriptor: z.looseObject({ name: z.string(), version: z.string() }),
  config: z.looseObject({}),
  modelfs: z.strictObject({ type: z.literal('layers'), diffIds: z.array(Digest).min(1) }),
});

/** A document by its schema. @throws ReleaseError `release_damaged` that names the file and the first thing wrong with it. */
export function parseDocument<T extends z.ZodType>(schema: T, text: string, what: string): z.infer<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ReleaseError('release_damaged', `${what} is no JSON`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ReleaseError('release_damaged', `${what} is not what it should be: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}
