/**
 * Compiles assembly to WebAssembly and writes it as base64 into src/kernels/wasm.generated.ts,
 * which is committed: tests, Node and browser bundles then need neither a compiler nor a file beside the code.
 * With --check nothing is written; the script fails when the committed file is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const generated = fileURLToPath(new URL('../src/kernels/wasm.generated.ts', import.meta.url));

/** Compiles the kernels; the memory is imported, so that the caller decides its size. Throws the compiler's own message. */
async function compileKernels() {
  let wasm;
  const { error, stderr } = await asc.main(
    [
      'assembly/index.ts',
      ...['--baseDir', root, '--outFile', 'kernels.wasm', '-O3', '--enable', 'simd', '--runtime', 'stub'],
      ...['--importMemory', '--noExportMemory', '--use', 'abort='],
    ],
    {
      writeFile: (name, contents) => {
        if (name === 'kernels.wasm') wasm = contents;
      },
    },
  );
  if (error || wasm === undefined) {
    throw new Error(`The kernels do not compile.\n${stderr.toString()}`, { cause: error });
  }
  return wasm;
}

const wasm = await compileKernels();
const source = `// Written by scripts/build-kernels.mjs from assembly; do not edit.

/** The compiled kernels: ${wasm.length} bytes of WebAssembly in base64. */
export const KERNELS_BASE64 =
  '${Buffer.from(wasm).toString('base64')}';
`;
const current = await readFile(generated, 'utf8').catch(() => undefined);

if (current === source) {
  console.log(`src/kernels/wasm.generated.ts is up to date (${wasm.length} bytes of WebAssembly)`);
} else if (process.argv.includes('--check')) {
  console.error('src/kernels/wasm.generated.ts is stale: run "npm run build:kernels" and commit it');
  process.exitCode = 1;
} else {
  await writeFile(generated, source);
  console.log(`src/kernels/wasm.generated.ts written (${wasm.length} bytes of WebAssembly)`);
}
