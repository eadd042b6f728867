import { expect, it } from 'vitest';
import { readDamaged } from '../../../test/support/damagedArrays.ts';

it('refuses damaged files with a message that names the place', async () => {
  const files = ['plain.npz', 'deflated.npz', 'tensors.safetensors', 'version1.npy', 'version3.npy'];
  const { refused, read, failures, peakGrowth } = await readDamaged(files, 300, 1);
  expect(failures).toEqual([]);
  // Damage to the elements alone cannot be told in formats without checksums; most damage is found.
  expect(refused).toBeGreaterThan(200);
  expect(refused + read).toBe(300);
  expect(peakGrowth).toBeLessThan(300);
});
