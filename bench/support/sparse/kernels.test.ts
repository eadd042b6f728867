import { describe, expect, it } from 'vitest';
import { SlimError } from '../../../src/base/errors.ts';
import { randomStream } from '../../../src/base/random.ts';
import { nodeRuntime } from '../../../src/runtime/node.ts';
import { openLibrsb } from './librsb.ts';
import { randomMatrix } from './matrix.ts';
import { openMkl } from './mkl.ts';
import { openLibrary } from './nativeLibrary.ts';
import { onnxRuntimeDense } from './onnxRuntime.ts';
import { checkProduct, type Operands, type ProductKernel, plainProduct } from './product.ts';

/** Kernels of libraries that are installed here; MKL is where SLIMRNN_MKL says. */
const kernels: ProductKernel[] = [onnxRuntimeDense(nodeRuntime, 1)];
const mklPath = process.env.SLIMRNN_MKL;
if (mklPath !== undefined) {
  const { dense, sparse } = await openMkl(mklPath, 1);
  kernels.push(dense, sparse);
}
const librsb = await openLibrsb(1).catch((error: unknown) => {
  if (error instanceof SlimError) return undefined;
  throw error;
});
if (librsb !== undefined) kernels.push(librsb.sparse);

function operands(rows: number, columns: number, batch: number, sparsity: number): Operands {
  const random = randomStream(7);
  return {
    weights: randomMatrix(rows, columns, sparsity, random),
    activations: randomMatrix(batch, columns, 0, random),
  };
}

describe.each(kernels)('$library, $kind', (kernel) => {
  it.each([
    [12, 6, 5, 0],
    [12, 6, 5, 0.7],
    [40, 20, 1, 0.5],
    [3, 2, 1, 0],
    [520, 260, 20, 0.95],
  ])('computes X · Wᵀ of [%i, %i], batch %i, sparsity %d', async (...sizes) => {
    const given = operands(...sizes);
    const product = await kernel.prepare(given);
    await checkProduct(product, plainProduct(given));
    // A second run starts from what the first one left.
    await checkProduct(product, plainProduct(given));
    await product.release();
  });
});

describe('libraries that are absent', () => {
  it.skipIf(librsb !== undefined)('librsb is not installed here: its message says how to install it', async () => {
    await expect(openLibrsb(1)).rejects.toThrow(/install it with/);
  });

  it('say how to install them', async () => {
    await expect(openLibrary(['libnothing-of-this-name.so'], 'the fix')).rejects.toThrow(
      /`(the fix|npm install koffi)`/,
    );
  });
});
