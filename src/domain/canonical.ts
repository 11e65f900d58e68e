import * as z from 'zod';

export { canonicalJson, digestOf } from './digest.js';

/** A content digest: `sha256:` and 64 lower-case hexadecimal digits. */
export const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'a digest, sha256: and 64 hexadecimal digits');
export type Digest = z.infer<typeof Digest>;
