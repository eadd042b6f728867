import { describe, expect, it } from 'vitest';
import { SlimError } from '../base/errors.ts';
import { floats, int64s } from '../graph/attributes.ts';
import { LookupTable, lookUpRows } from './lookupTable.ts';

// V = 4 words of size 2; all numbers are exact in float32.
const words = () => floats([4, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
const rowsOf = (table: LookupTable) => [...(table.tensor.data as Float32Array)];

describe('LookupTable', () => {
  it('looks rows up in the order of the indices', () => {
    const table = new LookupTable('words', words());
    const values = new Float32Array(6);
    table.lookUp(Int32Array.of(3, 0, 3), values);
    expect([...values]).toEqual([7, 8, 1, 2, 7, 8]);
  });

  it('adds the gradients of a row that occurs several times, before it squares them', () => {
    const table = new LookupTable('words', words());
    // Row 2: [1, 2] + [3, -2] = [4, 0]; row 0: [0.5, 1].
    expect(table.gather(Int32Array.of(2, 0, 2), Float32Array.of(1, 2, 0.5, 1, 3, -2))).toBe(16 + 0.25 + 1);
    table.update(0.5);
    expect(rowsOf(table)).toEqual([0.75, 1.5, 3, 4, 3, 6, 7, 8]);
  });

  it('forgets a window with the next one, be it longer or shorter', () => {
    const table = new LookupTable('words', words());
    table.gather(Int32Array.of(0), Float32Array.of(100, 100));
    table.gather(Int32Array.of(1, 2, 3), Float32Array.of(100, 100, 100, 100, 100, 100));
    expect(table.gather(Int32Array.of(3, 0), Float32Array.of(1, 1, 2, 2))).toBe(10);
    table.update(1);
    expect(rowsOf(table)).toEqual([-1, 0, 3, 4, 5, 6, 6, 7]);
  });

  it('leaves the weights of the model that it comes from', () => {
    const source = words();
    const table = new LookupTable('words', source);
    table.gather(Int32Array.of(0), Float32Array.of(1, 1));
    table.update(1);
    expect(source).toEqual(words());
  });

  it('refuses tables of other types', () => {
    const make = () => new LookupTable('words', int64s([2, 1], [1, 2]));
    expect(make).toThrow(SlimError);
    expect(make).toThrow("embedding 'words' is not float32");
  });
});

describe('lookUpRows', () => {
  it('copies rows and leaves what lies behind them', () => {
    const values = new Float32Array(8).fill(9);
    lookUpRows(Float32Array.of(1, 2, 3, 4, 5, 6), 3, Int32Array.of(1, 0), values);
    expect([...values]).toEqual([4, 5, 6, 1, 2, 3, 9, 9]);
  });
});
