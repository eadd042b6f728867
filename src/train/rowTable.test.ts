import { describe, expect, it } from 'vitest';
import { SlimError } from '../base/errors.ts';
import { floats, int64s } from '../graph/attributes.ts';
import { RowTable } from './rowTable.ts';

// V = 4 words of size 2; all numbers are exact in float32.
const words = () => floats([4, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
const rowsOf = (table: RowTable) => [...(table.tensor.data as Float32Array)];

describe('RowTable', () => {
  it('adds the gradients of a row that occurs several times, before it squares them', () => {
    const table = new RowTable('words', words());
    // Row 2: [1, 2] + [3, -2] = [4, 0]; row 0: [0.5, 1].
    table.add(Int32Array.of(2, 0, 2), Float32Array.of(1, 2, 0.5, 1, 3, -2));
    expect(table.squares()).toBe(16 + 0.25 + 1);
    table.update(0.5);
    expect(rowsOf(table)).toEqual([0.75, 1.5, 3, 4, 3, 6, 7, 8]);
  });

  it('forgets a window with the next one, be it longer or shorter', () => {
    const table = new RowTable('words', words());
    table.add(Int32Array.of(0), Float32Array.of(100, 100));
    table.add(Int32Array.of(1, 2, 3), Float32Array.of(100, 100, 100, 100, 100, 100));
    table.add(Int32Array.of(3, 0), Float32Array.of(1, 1, 2, 2));
    expect(table.squares()).toBe(10);
    table.update(1);
    expect(rowsOf(table)).toEqual([-1, 0, 3, 4, 5, 6, 6, 7]);
  });

  it('leaves the weights of the model that it comes from', () => {
    const source = words();
    const table = new RowTable('words', source);
    table.add(Int32Array.of(0), Float32Array.of(1, 1));
    table.update(1);
    expect(source).toEqual(words());
  });

  it('refuses tables of other types', () => {
    const make = () => new RowTable('words', int64s([2, 1], [1, 2]));
    expect(make).toThrow(SlimError);
    expect(make).toThrow("embedding 'words' is not float32");
  });
});
