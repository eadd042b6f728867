import { expect, it } from 'vitest';
import { readDamaged } from '../support/damagedArrays.ts';

it.each([
  ['plain.npz', 4000, 11],
  ['deflated.npz', 4000, 12],
  ['tensors.safetensors', 4000, 13],
  ['version1.npy', 1000, 14],
])('%s: %i damaged versions are refused or read, and nothing worse', async (file, count, seed) => {
  const { refused, read, failures, peakGrowth } = await readDamaged([file], count, seed);
  expect(failures).toEqual([]);
  expect(refused + read).toBe(count);
  expect(refused).toBeGreaterThan(count / 2);
  expect(peakGrowth).toBeLessThan(500);
});
