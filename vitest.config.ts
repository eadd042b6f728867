import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Examples import the library as its users do.
  resolve: {
    alias: {
      'slimrnn/browser': fileURLToPath(new URL('src/browser.ts', import.meta.url)),
      slimrnn: fileURLToPath(new URL('src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
    exclude: ['test/slow/**'],
    // Most tests wait for one thread of the engine, or for a process that they have started.
    maxWorkers: '100%',
    // A busy machine takes its time; what does not come at all fails the test all the same.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
