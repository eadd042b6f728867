import { expect, it } from 'vitest';
import { bindCores, parseCores } from './cores.ts';

it('reads lists of cores', () => {
  expect(parseCores(' 0-3,8\n')).toEqual([0, 1, 2, 3, 8]);
  expect(parseCores('5')).toEqual([5]);
});

it('gives each worker cores of its own', () => {
  const cores = bindCores(2, 2, [1, 3, 4, 7]);
  expect(cores.bound && [cores.coresOf(0), cores.coresOf(1)]).toEqual([
    [1, 3],
    [4, 7],
  ]);
});

it('binds nobody where cores are too few', () => {
  expect(bindCores(2, 2, [0, 1, 2])).toMatchObject({ bound: false, reason: '2 × 2 threads are more than the 3 cores' });
});
