import { defineConfig } from 'vitest/config';

// The first rehearsal on a machine fetches Temporal's test server, and pipelines are bundled as a worker does it.
export default defineConfig({ test: { include: ['test/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 300_000 } });
