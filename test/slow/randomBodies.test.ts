import { expect, it } from 'vitest';
import { randomBodiesFaults } from '../support/bodiesCheck.ts';

it('finds all dead units of 1000 random models with loops and branches, and changes nothing', async () => {
  expect(await randomBodiesFaults(1000)).toEqual([]);
}, 3_600_000);
