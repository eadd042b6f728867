import { SlimError } from '../../../src/base/errors.ts';
import { toCsr, transpose, zeros } from './matrix.ts';
import { openLibrary } from './nativeLibrary.ts';
import type { ProductKernel } from './product.ts';

// From rsb.h of librsb 1.3.
const TYPE_FLOAT = 'S'.charCodeAt(0);
const NOT_TRANSPOSED = 'N'.charCodeAt(0);
const NO_FLAGS = 0;
const ROW_MAJOR = 0;
const WANT_EXECUTING_THREADS = 9;

/** The kernel of librsb, and the name of the file it was found by: it has no call that tells its version. */
export interface Librsb {
  readonly file: string;
  readonly sparse: ProductKernel;
}

/**
 * CSR × dense by librsb, with its default format. Row-major operands are the faster ones; its autotuner
 * (`rsb_tune_spmm`) gained nothing at 90 % random zeros. Throws a SlimError where the library is not installed.
 */
export async function openLibrsb(threads: number): Promise<Librsb> {
  // Its OpenMP reads this when it is loaded; with the library's own setting alone a busy machine was several times slower.
  process.env.OMP_NUM_THREADS = String(threads);
  const { name, handle } = await openLibrary(
    ['librsb.so.0', 'librsb.so', 'librsb.dylib'],
    'sh scripts/install-librsb.sh',
  );
  const init: (options: null) => number = handle.func('int rsb_lib_init(void*)');
  const setOption: (option: number, value: Int32Array) => number = handle.func('int rsb_lib_set_opt(int, void*)');
  const allocate: (
    ...csr: [Float32Array, Int32Array, Int32Array, ...sizes: number[], errors: number[]]
  ) => bigint | null = handle.func(
    'void* rsb_mtx_alloc_from_csr_const(void*, void*, void*, int, char, int, int, int, int, int, _Out_ int*)',
  );
  const free: (matrix: bigint) => null = handle.func('void* rsb_mtx_free(void*)');
  const multiply: (
    ...call: [number, Float32Array, bigint, number, number, Float32Array, number, Float32Array, Float32Array, number]
  ) => number = handle.func('int rsb_spmm(int, void*, void*, int, int, void*, int, void*, void*, int)');
  const refuse = (what: string, code: number | undefined): void => {
    if (code !== 0) throw new SlimError(`librsb: ${what} failed with code ${code}`);
  };
  refuse('rsb_lib_init', init(null));
  refuse('rsb_lib_set_opt', setOption(WANT_EXECUTING_THREADS, new Int32Array([threads])));

  const sparse: ProductKernel = {
    library: 'librsb',
    kind: 'sparse',
    async prepare({ weights, activations }) {
      const { rows, columns, values, columnOf, rowStarts } = toCsr(weights);
      const errors = [0];
      const sizes = [values.length, TYPE_FLOAT, rows, columns, 1, 1, NO_FLAGS];
      const matrix = allocate(values, rowStarts, columnOf, ...sizes, errors);
      refuse('rsb_mtx_alloc_from_csr_const', errors[0]);
      if (matrix === null) throw new SlimError('librsb: rsb_mtx_alloc_from_csr_const gave no matrix');
      const batch = activations.rows;
      const x = transpose(activations);
      const y = zeros(rows, batch);
      const [one, zero] = [new Float32Array([1]), new Float32Array([0])];
      return {
        name: `librsb CSR ${rows} × ${columns}`,
        run: async () =>
          refuse(
            'rsb_spmm',
            multiply(NOT_TRANSPOSED, one, matrix, batch, ROW_MAJOR, x.data, batch, zero, y.data, batch),
          ),
        result: () => transpose(y),
        release: async () => void free(matrix),
      };
    },
  };
  return { file: name, sparse };
}
