import { SlimError } from '../../../src/base/errors.ts';
import { type Matrix, zeros } from './matrix.ts';

/** Y = X · Wᵀ as a recurrent layer computes it: weights W [rows, columns], activations X [batch, columns]. */
export interface Operands {
  readonly weights: Matrix;
  readonly activations: Matrix;
}

/** A matrix product that is prepared, to run again and again. */
export interface MatrixProduct {
  readonly name: string;
  readonly run: () => Promise<unknown>;
  /** Y [batch, rows] of the last run. */
  readonly result: () => Matrix;
  readonly release: () => Promise<void>;
}

/** A library's way to compute the product. What it does with the weights beforehand is not timed, for any of them. */
export interface ProductKernel {
  readonly library: string;
  /** Whether it leaves out the zeros of W. */
  readonly kind: 'dense' | 'sparse';
  /** Throws a SlimError when the library refuses. */
  readonly prepare: (operands: Operands) => Promise<MatrixProduct>;
}

/** Y = X · Wᵀ in double precision, for comparison. */
export function plainProduct({ weights: w, activations: x }: Operands): Matrix {
  const y = zeros(x.rows, w.rows);
  for (let b = 0; b < x.rows; b++) {
    for (let row = 0; row < w.rows; row++) {
      let sum = 0;
      for (let i = 0; i < w.columns; i++) sum += w.data[row * w.columns + i]! * x.data[b * w.columns + i]!;
      y.data[b * w.rows + row] = sum;
    }
  }
  return y;
}

/** Largest difference of a right product, relative to the largest number in it: rounding of a few thousand summands. */
const TOLERANCE = 1e-4;

/** Runs a product once. Throws a SlimError when the result is not the expected one. */
export async function checkProduct(product: MatrixProduct, expected: Matrix): Promise<void> {
  await product.run();
  const { rows, columns, data } = product.result();
  if (rows !== expected.rows || columns !== expected.columns) {
    const sizes = `[${rows}, ${columns}], expected [${expected.rows}, ${expected.columns}]`;
    throw new SlimError(`${product.name}: the product is ${sizes}`);
  }
  const scale = expected.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const wrong = data.findIndex((x, i) => !(Math.abs(x - expected.data[i]!) <= TOLERANCE * scale));
  if (wrong < 0) return;
  const place = `[${Math.floor(wrong / columns)}, ${wrong % columns}]`;
  throw new SlimError(`${product.name}: element ${place} is ${data[wrong]}, expected ${expected.data[wrong]}`);
}
