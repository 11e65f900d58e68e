// The libraries of the domain that a worker loads once instead of once a workflow (`preloadModules` of the SDK's bundler).
// What is shared is frozen, so zod must set its defaults first: a schema is made and used here. That also keeps the
// bundler from dropping the imports.
import { sha256 } from '@noble/hashes/sha2.js';
import canonicalize from 'canonicalize';
import * as z from 'zod';

export const preloaded: readonly unknown[] = [z.strictObject({ text: z.string() }).safeParse({}).success, sha256, canonicalize];
