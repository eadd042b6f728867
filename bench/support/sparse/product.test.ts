import { describe, expect, it } from 'vitest';
import { type Matrix, zeros } from './matrix.ts';
import { checkProduct, type MatrixProduct, plainProduct } from './product.ts';

// W [3, 2], X [2, 2]
const operands = {
  weights: { rows: 3, columns: 2, data: new Float32Array([1, 2, 3, 4, 0, -1]) },
  activations: { rows: 2, columns: 2, data: new Float32Array([1, 0, 2, 10]) },
};
const right = [1, 3, 0, 22, 46, -10];

/** A product that gives these numbers when it runs. */
function giving(values: readonly number[], rows = 2): MatrixProduct {
  let y: Matrix = zeros(rows, values.length / rows);
  return {
    name: 'fake',
    run: async () => {
      y = { ...y, data: new Float32Array(values) };
    },
    result: () => y,
    release: async () => {},
  };
}

describe('the check of a product', () => {
  const expected = plainProduct(operands);

  it('knows the right numbers', () => {
    expect([...expected.data]).toEqual(right);
    expect([expected.rows, expected.columns]).toEqual([2, 3]);
  });

  it('accepts them, and rounding', async () => {
    await checkProduct(giving(right), expected);
    await checkProduct(giving(right.map((x) => x * (1 + 1e-6))), expected);
  });

  it.each([
    ['one that is off', [1, 3, 0, 22, 46.1, -10], /fake: element \[1, 1\] is 46\.\d+, expected 46/],
    ['not a number', [1, Number.NaN, 0, 22, 46, -10], /element \[0, 1\] is NaN/],
    ['nothing written', [0, 0, 0, 0, 0, 0], /element \[0, 0\] is 0, expected 1/],
    ['the order of the transposed', [1, 22, 3, 46, 0, -10], /element \[0, 1\] is 22/],
  ])('refuses %s', async (_, values, message) => {
    await expect(checkProduct(giving(values), expected)).rejects.toThrow(message);
  });

  it('refuses other sizes', async () => {
    await expect(checkProduct(giving(right, 3), expected)).rejects.toThrow('the product is [3, 2], expected [2, 3]');
  });
});
