import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { nodeFlags } from './test/support/nodeFlags.ts';

/** Files that take long, those that start processes among them: they begin first, so that none runs alone at the end. */
const SLOW = [/methods\.contract/, /\/cli\/(?:sweep|methodKills|finetuneMethods|terminals)\./, /\/test\//];

/** Files that replace modules or change their process: each has one of its own. All others share what they import. */
const APART = [
  'src/runtime/devices.contract.test.ts',
  'src/slim/traceOnce.test.ts',
  'src/tensorboard/writer.test.ts',
  'test/docs/examples.test.ts',
  'test/docs/library.test.ts',
];

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const found = SLOW.findIndex((pattern) => pattern.test(moduleId));
      return found < 0 ? SLOW.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  // Examples import the library as its users do; that for browsers loads an entry of the engine that Node has not.
  resolve: {
    alias: {
      'onnxruntime-web/wasm': 'onnxruntime-web',
      'slimrnn/browser': fileURLToPath(new URL('src/browser.ts', import.meta.url)),
      slimrnn: fileURLToPath(new URL('src/index.ts', import.meta.url)),
    },
  },
  test: {
    sequence: { sequencer: SlowFirst },
    // Most tests wait for one thread of the engine, or for a process that they have started.
    maxWorkers: '100%',
    execArgv: nodeFlags,
    // A busy machine takes its time; what does not come at all fails the test all the same.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 120_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          isolate: false,
          include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: ['test/slow/**', 'test/scale/**', ...APART],
        },
      },
      { extends: true, test: { name: 'apart', include: APART } },
    ],
  },
});
