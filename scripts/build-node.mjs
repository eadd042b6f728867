/**
 * Bundles what Node runs into dist, beside the declarations of types that tsc wrote there: Node takes longer to find and
 * link some five hundred modules than to run a small command. Packages stay outside; what several entries need stands in
 * dist/chunks once.
 */
import { chmod, readdir, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

const entries = {
  index: 'index.ts',
  browser: 'browser.ts',
  'cli/main': 'cli/main.ts',
  'sweep/worker': 'sweep/worker.ts',
  // What scripts of this repository read besides the library.
  'base/random': 'base/random.ts',
  'runs/formats': 'runs/formats.ts',
};

const bundler = await rolldown({
  input: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(root, 'src', file)])),
  // Not 'node': rolldown would give browsers, too, a helper that imports a module of Node.
  platform: 'neutral',
  tsconfig: join(root, 'tsconfig.json'),
  external: (id) => !id.startsWith('.') && !isAbsolute(id),
  onLog(level, log) {
    if (level === 'warn') throw new Error(log.message);
  },
});
const { output } = await bundler.write({
  dir: dist,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
  codeSplitting: {
    groups: [
      // On its own, so that it runs before the engine is loaded: within a file, packages come first.
      { name: 'telemetry', test: /src[\\/]runtime[\\/]telemetry\.ts$/ },
      // Else what telemetry.ts imports would lie with it, for browsers too.
      { name: 'errors', test: /src[\\/]base[\\/]errors\.ts$/, priority: 1 },
    ],
  },
});
await bundler.close();
await chmod(join(dist, 'cli/main.js'), 0o755);

// Those of earlier builds.
const made = new Set(output.map(({ fileName }) => join(dist, fileName)));
for (const file of await readdir(dist, { recursive: true })) {
  const path = join(dist, file);
  if (/^(?!web\/).*\.js$/.test(file.replaceAll('\\', '/')) && !made.has(path)) await rm(path);
}
