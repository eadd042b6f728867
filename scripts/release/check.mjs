/**
 * Checks build/slimrnn-VERSION.tgz as those meet it who install it: what is in it, its fields and types, an installation in
 * an empty folder, types under old and strict compilers, a page bundled by Vite, run in Chromium where there is one.
 *   npm run release:check
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { trainInBrowser } from './page.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..', '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const tarball = join(root, 'build', `slimrnn-${version}.tgz`);
const unpacked = join(root, 'build', 'package');
const folder = mkdtempSync(join(tmpdir(), 'slimrnn-release-'));
/** Bytes of the engine that a page loads, at most. */
const ENGINE = 15e6;

const node = (cwd, ...args) => execFileSync(process.execPath, args, { cwd, encoding: 'utf8' });
const tool = (name, ...args) => node(here, join(here, 'node_modules', name), ...args);
const shell = (cwd, command) => execFileSync(command, { cwd, encoding: 'utf8', shell: true });
const must = (holds, what) => {
  if (!holds) throw new Error(what);
};

const checks = {
  'holds what users need, and nothing else'() {
    const files = readdirSync(unpacked, { recursive: true }).map((name) => name.replaceAll('\\', '/'));
    const wrong = files.filter((name) => /\.map$|\.test\.|^(results|bench|examples|test|src)\//.test(name));
    must(wrong.length === 0, `it holds ${wrong.join(', ')}`);
    const { scripts, devDependencies } = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
    must(scripts === undefined && devDependencies === undefined, 'its package.json has what only a clone needs');
  },
  'publint finds nothing'() {
    tool('publint/src/cli.js', unpacked, '--strict');
  },
  'are-the-types-wrong finds nothing (ESM)'() {
    tool('@arethetypeswrong/cli/dist/index.js', tarball, '--profile', 'esm-only');
  },
  'is installed in an empty folder, without scripts'() {
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
    const said = shell(
      folder,
      `npm install --no-audit --no-fund --ignore-scripts "${tarball}" onnxruntime-web@1.30 2>&1`,
    );
    must(!/warn/i.test(said), said);
  },
  'runs: the command, import and require'() {
    must(shell(folder, 'npx slimrnn --version').trim() === version, 'the command says another version');
    const model = join(root, 'examples', 'pytorch', 'model.onnx');
    must(/38 212 parameters/.test(shell(folder, `npx slimrnn inspect "${model}"`)), 'inspect says something else');
    const code = 'const { presets } = LOADED; if (!presets["iss-small"]) process.exit(1)';
    node(folder, '--input-type=module', '-e', code.replace('LOADED', "await import('slimrnn')"));
    // Node 20.19 and later load modules by require.
    node(folder, '--input-type=commonjs', '-e', code.replace('LOADED', "require('slimrnn')"));
  },
  'has types for TypeScript 5.2, under noUncheckedIndexedAccess'() {
    const at = join(folder, 'types');
    mkdirSync(at);
    for (const name of ['train', 'shrink', 'finetune', 'graph', 'browser', 'method']) {
      cpSync(join(root, 'examples', 'library', `${name}.ts`), join(at, `${name}.ts`));
    }
    for (const moduleResolution of ['nodenext', 'bundler']) {
      const compilerOptions = {
        ...{ target: 'es2022', lib: ['es2023', 'dom'], strict: true, noUncheckedIndexedAccess: true, noEmit: true },
        ...{ exactOptionalPropertyTypes: true, skipLibCheck: true, types: [], moduleResolution },
        module: moduleResolution === 'bundler' ? 'esnext' : 'nodenext',
      };
      writeFileSync(join(at, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['.'] }));
      tool('typescript/bin/tsc', '-p', at);
    }
  },
  async 'trains in a worker of a page that Vite bundles, with one engine'() {
    const app = join(folder, 'app');
    cpSync(join(root, 'examples', 'browser'), app, { recursive: true });
    tool('vite/bin/vite.js', 'build', app, '--logLevel', 'warn');
    const assets = join(app, 'dist', 'assets');
    const engines = readdirSync(assets).filter((name) => name.endsWith('.wasm'));
    const sizes = engines.map((name) => statSync(join(assets, name)).size);
    must(sizes.length === 1 && sizes[0] < ENGINE, `it has ${sizes.length} engines of ${sizes.join(', ')} bytes`);
    return trainInBrowser(join(app, 'dist'), folder);
  },
};

let failed = 0;
for (const [what, check] of Object.entries(checks)) {
  try {
    const note = await check();
    console.log(`ok      ${what}${note ? ` (${note})` : ''}`);
  } catch (error) {
    failed++;
    console.log(`failed  ${what}\n${[error.message, error.stdout, error.stderr].filter(Boolean).join('\n')}`);
  }
}
rmSync(folder, { recursive: true, force: true });
process.exit(failed > 0 ? 1 : 0);
