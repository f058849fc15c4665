import { defineConfig } from 'vitest/config';

/**
 * Two projects: `unit` needs nothing but Node and takes seconds; `system` runs on real parts (embedded
 * PostgreSQL and S3) that `test/support/global-setup.ts` starts once for the whole run.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,property}/**/*.test.ts'],
          testTimeout: 60_000,
          pool: 'threads',
          // Files share their worker's modules: these tests keep no state in them, and it halves the time.
          isolate: false,
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/{contract,integration,fault,acceptance}/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // As above; each file has a database and a bucket of its own.
          isolate: false,
          // They wait for leases and other processes half of their time.
          maxWorkers: 3,
        },
      },
    ],
  },
});
