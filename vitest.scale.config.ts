import { defineConfig } from 'vitest/config';

/** What needs MPI, Redis, PostgreSQL or the tools of clusters; SLIMRNN_SCALE=short leaves out what takes long. */
export default defineConfig({
  test: {
    include: ['test/scale/**/*.test.ts'],
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
    fileParallelism: false,
    expect: { poll: { timeout: 60_000 } },
  },
});
