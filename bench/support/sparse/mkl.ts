import { SlimError } from '../../../src/base/errors.ts';
import { toCsr, transpose, zeros } from './matrix.ts';
import { type NativeLibrary, openLibrary } from './nativeLibrary.ts';
import type { ProductKernel } from './product.ts';

// From mkl_cblas.h, mkl_spblas.h and mkl_service.h.
const [ROW_MAJOR, COLUMN_MAJOR] = [101, 102];
const [NOT_TRANSPOSED, TRANSPOSED, PACKED, THE_A_MATRIX] = [111, 112, 151, 161];
const [SPARSE_NOT_TRANSPOSED, GENERAL, FROM_ZERO, AGGRESSIVE] = [10, 20, 0, 81];
const [SEQUENTIAL, GNU_THREADS] = [1, 3];
/** Calls that the inspector may expect: so many that its preparation pays. */
const MANY = 10_000;

type StructType = ReturnType<NativeLibrary['integers']>;
type Pointer = Float32Array | Int32Array | Uint8Array | bigint;

/** The kernels of Intel MKL, and the version that they come from. */
export interface Mkl {
  readonly version: string;
  readonly dense: ProductKernel;
  readonly sparse: ProductKernel;
}

/**
 * Intel MKL: `cblas_sgemm` with weights packed beforehand, and CSR × dense by its inspector and executor, the successor
 * of the paper's `mkl_scsrmm`. `path` is that of `libmkl_rt`. Throws a SlimError where it does not load.
 */
export async function openMkl(path: string, threads: number): Promise<Mkl> {
  const { handle, integers } = await openLibrary([path], 'pip install mkl');
  const setLayer: (layer: number) => number = handle.func('int MKL_Set_Threading_Layer(int)');
  const setThreads: (threads: number) => void = handle.func('void MKL_Set_Num_Threads(int)');
  const getVersion: (text: Uint8Array, length: number) => void = handle.func('void MKL_Get_Version_String(void*, int)');
  const layer = threads === 1 ? SEQUENTIAL : GNU_THREADS;
  if (setLayer(layer) !== layer) throw new SlimError(`MKL: refuses the threading layer ${layer}`);
  setThreads(threads);
  const text = new Uint8Array(200);
  getVersion(text, text.length);
  const version = new TextDecoder().decode(text.subarray(0, text.indexOf(0))).trim();
  return { version, dense: denseKernel(handle), sparse: sparseKernel(handle, integers('type', 'mode', 'diagonal')) };
}

function denseKernel(handle: NativeLibrary['handle']): ProductKernel {
  const packedBytes: (...sizes: number[]) => number | bigint = handle.func(
    'size_t cblas_sgemm_pack_get_size(int, int, int, int)',
  );
  const pack: (...call: [...number[], Pointer, number, Pointer]) => void = handle.func(
    'void cblas_sgemm_pack(int, int, int, int, int, int, float, void*, int, void*)',
  );
  const compute: (...call: (number | Pointer)[]) => void = handle.func(
    'void cblas_sgemm_compute(int, int, int, int, int, int, void*, int, void*, int, float, void*, int)',
  );
  return {
    library: 'MKL',
    kind: 'dense',
    async prepare({ weights: { rows, columns, data }, activations: x }) {
      // Column by column X is [columns, batch] and Y is [rows, batch]: the fastest of the orders.
      const batch = x.rows;
      const y = zeros(batch, rows);
      const packed = new Uint8Array(Number(packedBytes(THE_A_MATRIX, rows, batch, columns)));
      pack(COLUMN_MAJOR, THE_A_MATRIX, TRANSPOSED, rows, batch, columns, 1, data, columns, packed);
      const sizes = [COLUMN_MAJOR, PACKED, NOT_TRANSPOSED, rows, batch, columns];
      return {
        name: `MKL dense ${rows} × ${columns}`,
        run: async () => compute(...sizes, packed, columns, x.data, columns, 0, y.data, rows),
        result: () => y,
        release: async () => {},
      };
    },
  };
}

function sparseKernel(handle: NativeLibrary['handle'], descriptor: StructType): ProductKernel {
  const create: (matrix: (bigint | null)[], ...csr: (number | Pointer)[]) => number = handle.func(
    'int mkl_sparse_s_create_csr(_Out_ void**, int, int, int, void*, void*, void*, void*)',
  );
  const hint: (matrix: bigint, operation: number, kind: object, ...rest: number[]) => number = handle.func(
    'mkl_sparse_set_mm_hint',
    'int',
    ['void*', 'int', descriptor, 'int', 'int', 'int'],
  );
  const vectorHint: (matrix: bigint, operation: number, kind: object, calls: number) => number = handle.func(
    'mkl_sparse_set_mv_hint',
    'int',
    ['void*', 'int', descriptor, 'int'],
  );
  const allowMemory: (matrix: bigint, policy: number) => number = handle.func(
    'int mkl_sparse_set_memory_hint(void*, int)',
  );
  const optimize: (matrix: bigint) => number = handle.func('int mkl_sparse_optimize(void*)');
  const destroy: (matrix: bigint) => number = handle.func('int mkl_sparse_destroy(void*)');
  const multiply: (
    ...call: [number, number, bigint, object, number, Pointer, number, number, number, Pointer, number]
  ) => number = handle.func('mkl_sparse_s_mm', 'int', [
    ...['int', 'float', 'void*', descriptor, 'int', 'void*', 'int', 'int', 'float', 'void*', 'int'],
  ]);
  const multiplyVector: (...call: [number, number, bigint, object, Pointer, number, Pointer]) => number = handle.func(
    'mkl_sparse_s_mv',
    'int',
    ['int', 'float', 'void*', descriptor, 'void*', 'float', 'void*'],
  );
  const refuse = (what: string, status: number): void => {
    if (status !== 0) throw new SlimError(`MKL: ${what} failed with status ${status}`);
  };
  return {
    library: 'MKL',
    kind: 'sparse',
    async prepare({ weights, activations }) {
      const { rows, columns, values, columnOf, rowStarts } = toCsr(weights);
      const batch = activations.rows;
      // Row by row X is [columns, batch]: a row of Y is a sum of such short rows, as vectors.
      const x = transpose(activations);
      const y = zeros(rows, batch);
      const made: (bigint | null)[] = [null];
      // The handle reads them where they are, so they have to live as long as it does.
      const arrays = [rowStarts, rowStarts.subarray(1), columnOf, values];
      refuse('create_csr', create(made, FROM_ZERO, rows, columns, ...arrays));
      const matrix = made[0];
      if (matrix == null) throw new SlimError('MKL: create_csr gave no matrix');
      const kind = { type: GENERAL, mode: 0, diagonal: 0 };
      const vector = batch === 1;
      if (vector) refuse('set_mv_hint', vectorHint(matrix, SPARSE_NOT_TRANSPOSED, kind, MANY));
      else refuse('set_mm_hint', hint(matrix, SPARSE_NOT_TRANSPOSED, kind, ROW_MAJOR, batch, MANY));
      refuse('set_memory_hint', allowMemory(matrix, AGGRESSIVE));
      refuse('optimize', optimize(matrix));
      const run = vector
        ? () => multiplyVector(SPARSE_NOT_TRANSPOSED, 1, matrix, kind, x.data, 0, y.data)
        : () => multiply(SPARSE_NOT_TRANSPOSED, 1, matrix, kind, ROW_MAJOR, x.data, batch, batch, 0, y.data, batch);
      return {
        name: `MKL CSR ${rows} × ${columns}`,
        run: async () => refuse(vector ? 's_mv' : 's_mm', run()),
        result: () => transpose(y),
        async release() {
          refuse('destroy', destroy(matrix));
          arrays.length = 0;
        },
      };
    },
  };
}
