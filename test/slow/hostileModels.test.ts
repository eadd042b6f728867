import { expect, it } from 'vitest';
import { readDamaged } from '../support/damage.ts';

it('7000 damaged models are refused or read, and nothing worse', () => {
  const { refused, read, failures, peakGrowth } = readDamaged(7000, 21);
  expect(failures).toEqual([]);
  expect(refused + read).toBe(7000);
  expect(refused).toBeGreaterThan(3500);
  expect(peakGrowth).toBeLessThan(500);
});
