import { expect, it } from 'vitest';
import { randomBodiesFaults } from '../../test/support/bodiesCheck.ts';

it('finds all dead units of random models with loops and branches, and changes nothing', async () => {
  expect(await randomBodiesFaults(60)).toEqual([]);
}, 900_000);
