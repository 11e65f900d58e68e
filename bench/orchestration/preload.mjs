// Libraries that a worker loads once instead of once a workflow: `preloadModules` of the SDK's bundler. What is shared is
// frozen, so zod sets its defaults here, by making and using a schema. Used, so that the bundler does not drop the imports.
import { sha256 } from '@noble/hashes/sha2.js';
import canonicalize from 'canonicalize';
import * as z from 'zod';

export const preloaded = [z.strictObject({ text: z.string() }).safeParse({}).success, sha256, canonicalize];
