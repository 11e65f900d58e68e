import { defineConfig } from 'vitest/config';

/** Suites that start Temporal servers, workers and jobs as processes; they would starve each other side by side. */
const REAL_PARTS = ['test/guarantees/**/*.test.ts', 'test/e2e/**/*.test.ts', 'test/testing/**/*.test.ts'];

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: REAL_PARTS, pool: 'threads' } },
      {
        test: {
          name: 'guarantees',
          include: REAL_PARTS,
          globalSetup: ['test/support/built.ts'],
          pool: 'forks',
          fileParallelism: false,
          // A run with a back-off, a killed worker and a heartbeat time-out takes half a minute on two cores.
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
