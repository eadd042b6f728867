import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { Option } from 'commander';
import { SlimError, UsageError } from '../src/base/errors.ts';
import { note } from '../src/cli/output.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { benchFigure1, type Figure1Point, type LayerShape } from './support/figure1.ts';
import { figure1Text } from './support/figure1Display.ts';
import { listOption, wholeOption } from './support/program.ts';
import { runScript } from './support/script.ts';
import { openLibrsb } from './support/sparse/librsb.ts';
import { openMkl } from './support/sparse/mkl.ts';
import { onnxRuntimeDense } from './support/sparse/onnxRuntime.ts';
import type { ProductKernel } from './support/sparse/product.ts';

interface Flags {
  readonly shapes: readonly LayerShape[];
  readonly sparsities: readonly number[];
  readonly threads: number;
  readonly rounds: number;
  readonly seed: number;
  readonly mkl?: string;
}

await runScript<Flags>({
  name: 'bench:figure1',
  about:
    'What zeros in a weight matrix are worth, at random places or as whole units (figure 1 of the ISS paper). Libraries ' +
    'that are absent are left out with a message that says how to install them.',
  options: [
    listOption('--shapes', 'hidden sizes and batches', parseShape, ['1500x10', '650x20', '1500x1'].map(parseShape)),
    listOption(
      '--sparsities',
      'percentages of zeros',
      parsePercentage,
      [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95].map((percent) => percent / 100),
    ),
    wholeOption('--threads', 'threads of each kernel', 1),
    wholeOption('--rounds', 'turns of each kernel, of 3 timed runs each', 7),
    wholeOption('--seed', 'seed of the matrices', 1),
    new Option('--mkl <file>', 'libmkl_rt of Intel MKL (pip install mkl)').argParser(existingFile),
  ],
  paths: ({ mkl }) => (mkl === undefined ? {} : { [mkl]: 'MKL' }),
  async measure({ shapes, sparsities, threads, rounds, seed, mkl }) {
    const { kernels, versions } = await findKernels(threads, mkl);
    note(`${threads} thread${threads === 1 ? '' : 's'} for each kernel; ${Object.values(versions).join('; ')}`);
    const results: { shape: LayerShape; points: Figure1Point[] }[] = [];
    for (const shape of shapes) {
      const points: Figure1Point[] = [];
      for await (const point of benchFigure1({ shape, sparsities, kernels, rounds, seed })) {
        points.push(point);
        note(`${shape.hidden} units, batch ${shape.batch}: ${(point.sparsity * 100).toFixed(0)} % done`);
      }
      results.push({ shape, points });
    }
    return {
      figures: {
        ...{ libraries: versions, threads, rounds, seed },
        /** Processes that wanted a core, over the last 15 minutes: this one is one of them. */
        load: Number(loadavg()[2]!.toFixed(1)),
        shapes: results,
      },
      text: () => results.map(({ shape, points }) => figure1Text(shape, points)).join('\n\n'),
    };
  },
});

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

function parseShape(text: string): LayerShape {
  const [, hidden, batch] = /^([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (hidden !== undefined && batch !== undefined) return { hidden: Number(hidden), batch: Number(batch) };
  throw new UsageError(`--shapes: hidden size and batch such as 1500x10, got '${text}'`);
}

function parsePercentage(text: string): number {
  const percent = Number(text);
  if (text.trim() !== '' && percent >= 0 && percent < 100) return percent / 100;
  throw new UsageError(`--sparsities: percentages from 0 to less than 100 such as 0,50,95, got '${text}'`);
}

function existingFile(path: string): string {
  if (existsSync(path)) return path;
  throw new UsageError(`--mkl: there is no file ${path}`);
}
