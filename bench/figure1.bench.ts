import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { environment } from '../src/base/environment.ts';
import { SlimError, UsageError } from '../src/base/errors.ts';
import { writeAtomically } from '../src/base/files.ts';
import { scriptFlags, whole } from '../src/cli/flags.ts';
import { explain, note, print } from '../src/cli/output.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { benchFigure1, type Figure1Point, type LayerShape } from './support/figure1.ts';
import { figure1Text } from './support/figure1Display.ts';
import { openLibrsb } from './support/sparse/librsb.ts';
import { openMkl } from './support/sparse/mkl.ts';
import { onnxRuntimeDense } from './support/sparse/onnxRuntime.ts';
import type { ProductKernel } from './support/sparse/product.ts';

/*
 * `npm run bench:figure1`: what zeros in a weight matrix are worth, at random places or as whole units.
 * Libraries that are absent are left out with a message that says how to install them.
 */

try {
  await main();
} catch (error) {
  const { message, code } = explain(error);
  note(message);
  process.exitCode = code;
}

async function main(): Promise<void> {
  const flags = readFlags();
  const { threads, rounds, seed } = flags;
  const { kernels, versions } = await findKernels(threads, flags.mkl);
  note(`${threads} thread${threads === 1 ? '' : 's'} for each kernel; ${Object.values(versions).join('; ')}`);
  const shapes: { shape: LayerShape; points: Figure1Point[] }[] = [];
  for (const shape of flags.shapes) {
    const points: Figure1Point[] = [];
    for await (const point of benchFigure1({ shape, sparsities: flags.sparsities, kernels, rounds, seed })) {
      points.push(point);
      note(`${shape.hidden} units, batch ${shape.batch}: ${(point.sparsity * 100).toFixed(0)} % done`);
    }
    shapes.push({ shape, points });
  }
  const words = process.argv.slice(2).map((word) => (flags.mkl === undefined ? word : word.replace(flags.mkl, 'MKL')));
  const document = {
    ...environment(),
    // The path of MKL says nothing about the figures.
    command: ['npm run bench:figure1', ...(words.length > 0 ? ['--', ...words] : [])].join(' '),
    libraries: versions,
    threads,
    rounds,
    seed,
    /** Processes that wanted a core, over the last 15 minutes: this one is one of them. */
    load: Number(loadavg()[2]!.toFixed(1)),
    shapes,
  };
  if (flags.out !== undefined) await writeAtomically(flags.out, `${JSON.stringify(document, null, 2)}\n`);
  print(flags.json, document, () => shapes.map(({ shape, points }) => figure1Text(shape, points)).join('\n\n'));
}

/** ONNX Runtime, and what else is installed; the version of each. */
async function findKernels(threads: number, mklPath: string | undefined) {
  const kernels: ProductKernel[] = [onnxRuntimeDense(nodeRuntime, threads)];
  const versions: Record<string, string> = { 'ONNX Runtime': nodeRuntime.name };
  if (mklPath === undefined) note('MKL is left out; `pip install mkl`, and name its libmkl_rt with --mkl PATH');
  else {
    const mkl = await openMkl(mklPath, threads);
    kernels.push(mkl.dense, mkl.sparse);
    versions.MKL = mkl.version;
  }
  try {
    const librsb = await openLibrsb(threads);
    kernels.push(librsb.sparse);
    versions.librsb = librsb.file;
  } catch (error) {
    if (!(error instanceof SlimError)) throw error;
    note(`librsb is left out: ${error.message}`);
  }
  if (kernels.every(({ kind }) => kind === 'dense'))
    note('no sparse kernel is left: the table has no column of random zeros');
  return { kernels, versions };
}

function readFlags() {
  const { values } = scriptFlags(() =>
    parseArgs({
      options: {
        shapes: { type: 'string', default: '1500x10,650x20,1500x1' },
        sparsities: { type: 'string', default: '0,10,20,30,40,50,60,70,80,90,95' },
        threads: { type: 'string', default: '1' },
        rounds: { type: 'string', default: '7' },
        seed: { type: 'string', default: '1' },
        mkl: { type: 'string' },
        out: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    }),
  );
  const { mkl } = values;
  if (mkl !== undefined && !existsSync(mkl)) throw new UsageError(`--mkl: there is no file ${mkl}`);
  return {
    mkl,
    json: values.json,
    out: values.out,
    threads: whole('--threads')(values.threads),
    rounds: whole('--rounds')(values.rounds),
    seed: whole('--seed')(values.seed),
    sparsities: values.sparsities.split(',').map((text) => {
      const percent = Number(text);
      if (text.trim() !== '' && percent >= 0 && percent < 100) return percent / 100;
      throw new UsageError(`--sparsities: percentages from 0 to less than 100 such as 0,50,95, got '${text}'`);
    }),
    shapes: values.shapes.split(',').map((text): LayerShape => {
      const [, hidden, batch] = /^([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
      if (hidden !== undefined && batch !== undefined) return { hidden: Number(hidden), batch: Number(batch) };
      throw new UsageError(`--shapes: hidden size and batch such as 1500x10, got '${text}'`);
    }),
  };
}
