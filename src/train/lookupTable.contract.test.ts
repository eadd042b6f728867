import { describe, expect, it } from 'vitest';
import { randomNumbers } from '../../test/support/graphs.ts';
import { floats } from '../graph/attributes.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import { Arena, bytesFor } from '../kernels/memory.ts';
import { type LookupTable, rowsFrom, wholeTable } from './lookupTable.ts';
import { RowTable } from './rowTable.ts';
import { SparseTable } from './sparseTable.ts';

/*
 * What every table keeps, however it is stored: rows come out as they are, and gradients of rows add up. Of a sparse
 * table the gradient of a place without a connection counts for nothing.
 */

const [WORDS, SIZE] = [7, 5];
const random = randomNumbers(3);
/** Row 4 has no connection, row 1 all of them; one connection has the weight 0. */
const exists = Uint8Array.from({ length: WORDS * SIZE }, (_, i) =>
  Number(i >= 4 * SIZE && i < 5 * SIZE ? 0 : (i >= SIZE && i < 2 * SIZE) || random() < 0.4),
);
exists[0] = 1;
const sparseValues = Array.from(exists, (there, i) => (there && i > 0 ? random() - 0.5 : 0));
const denseValues = Array.from(exists, () => random() - 0.5);

interface Made {
  readonly table: LookupTable;
  /** Whether a place has a connection. */
  readonly exists: (place: number) => boolean;
  /** w ← w − rate · gradient, and all weights [words · size]. */
  step(rate: number): number[];
}

function sparseTensor(values: readonly number[]): SparseTensor {
  const places = Uint32Array.from([...exists.keys()].filter((i) => exists[i] === 1));
  const stored = Float32Array.from(places, (i) => values[i]!);
  return new SparseTensor({ elementType: 'float32', dims: [WORDS, SIZE] }, stored, places);
}

function made(kind: string, values: readonly number[]): Made {
  const dense = floats([WORDS, SIZE], values);
  if (kind === 'row by row') {
    const table = new RowTable('words', dense);
    const step = (rate: number) => {
      table.update(rate);
      return [...(table.tensor.data as Float32Array)];
    };
    return { table, exists: () => true, step };
  }
  const tensor = sparseTensor(values);
  const length = kind === 'whole' ? WORDS * SIZE : tensor.count;
  const arena = new Arena(bytesFor([length, length]));
  const [weights, gradient] = [arena.float32(length), arena.float32(length)];
  weights.data.set(kind === 'whole' ? (dense.data as Float32Array) : (tensor.values as Float32Array));
  const move = (rate: number) => {
    for (const [i, g] of gradient.data.entries()) weights.data[i]! -= rate * g;
    return [...weights.data];
  };
  if (kind === 'whole') {
    const table = wholeTable(weights.data, gradient.data, SIZE);
    return { table, exists: () => true, step: move };
  }
  const table = new SparseTable('words', tensor, { weights, gradient, slots: {} });
  const step = (rate: number) => {
    move(rate);
    return [...(table.tensorOf(weights).data as Float32Array)];
  };
  return { table, exists: (place) => exists[place] === 1, step };
}

describe.each([
  ['row by row', denseValues],
  ['whole', denseValues],
  ['sparse', sparseValues],
])('a table that is stored %s', (kind, values) => {
  const rows = Float32Array.from(values);
  const words = Int32Array.of(3, 0, 4, 3, 1, 6, 3);

  it('gives rows in the order of the indices, whatever was there', () => {
    const out = new Float32Array(words.length * SIZE + 2).fill(9);
    made(kind, values).table.lookUp(words, out);
    const expected = [...words].flatMap((word) => [...rows.subarray(word * SIZE, (word + 1) * SIZE)]);
    expect([...out]).toEqual([...expected, 9, 9]);
  });

  it('follows the sum of the gradients of each row', () => {
    const { table, exists: isThere, step } = made(kind, values);
    const gradient = Float32Array.from({ length: words.length * SIZE }, () => random() - 0.5);
    table.add(words, gradient);
    const sums = new Float64Array(rows.length);
    words.forEach((word, i) => {
      for (let k = 0; k < SIZE; k++) sums[word * SIZE + k]! += gradient[i * SIZE + k]!;
    });
    step(0.5).forEach((w, i) => {
      expect(w).toBeCloseTo(isThere(i) ? rows[i]! - 0.5 * sums[i]! : 0, 6);
    });
  });
});

it('rows of a sparse tensor are those of the dense one', () => {
  const words = Int32Array.of(6, 0, 0, 4);
  expect(rowsFrom(sparseTensor(sparseValues), words)).toEqual(rowsFrom(floats([WORDS, SIZE], sparseValues), words));
});
