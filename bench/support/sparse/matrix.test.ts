import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../src/base/random.ts';
import { randomMatrix, toCsr, transpose, zeroShare } from './matrix.ts';

describe('matrices', () => {
  it('leave out their zeros in compressed rows, also where a row has nothing else', () => {
    const csr = toCsr({ rows: 3, columns: 4, data: new Float32Array([0, 5, 0, 6, 0, 0, 0, 0, 7, 0, 0, 0]) });
    expect([...csr.values]).toEqual([5, 6, 7]);
    expect([...csr.columnOf]).toEqual([1, 3, 0]);
    expect([...csr.rowStarts]).toEqual([0, 2, 2, 3]);
  });

  it('have the asked share of zeros at random places', () => {
    expect(zeroShare(randomMatrix(200, 100, 0.9, randomStream(1)))).toBeCloseTo(0.9, 2);
    expect(zeroShare(randomMatrix(200, 100, 0, randomStream(1)))).toBe(0);
  });

  it('are turned over', () => {
    const turned = transpose({ rows: 2, columns: 3, data: new Float32Array([1, 2, 3, 4, 5, 6]) });
    expect(turned).toEqual({ rows: 3, columns: 2, data: new Float32Array([1, 4, 2, 5, 3, 6]) });
  });
});
