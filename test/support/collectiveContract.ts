import assert from 'node:assert/strict';
import { randomStream, uniform } from '../../src/base/random.ts';
import { type Collective, gather, gatherTexts } from '../../src/train/collective.ts';

/*
 * What every way of training together must do, as checks that each process makes for itself: they run in one process
 * and under mpirun alike.
 */

/** One promise of a collective; every process of it calls `check`, in the same order. */
interface Clause {
  readonly name: string;
  check(collective: Collective): Promise<void>;
}

export const collectiveContract: readonly Clause[] = [
  {
    name: 'leaves the same sums in every rank, to the last bit',
    async check(collective) {
      const { ranks } = collective;
      const brought = Array.from({ length: ranks }, (_, rank) => uniform(1000, 1, randomStream(rank + 1)));
      const values = brought[collective.rank]!.slice();
      await collective.sum(values);
      for (const [i, sum] of values.entries()) {
        const expected = brought.reduce((total, own) => total + own[i]!, 0);
        assert(Math.abs(sum - expected) < 1e-5, `sum ${i} is ${sum}, expected ${expected}`);
      }
      for (const other of await gather(values, collective)) assert.deepEqual(other, values);
    },
  },
  {
    name: 'counts in float64',
    async check(collective) {
      const { rank, ranks } = collective;
      const big = 2 ** 40;
      const values = Float64Array.of(big + 1, rank, 0.5);
      await collective.sum(values);
      assert.deepEqual([...values], [ranks * (big + 1), (ranks * (ranks - 1)) / 2, ranks / 2]);
    },
  },
  {
    name: 'keeps one sum apart from the next',
    async check(collective) {
      for (let round = 0; round < 20; round++) {
        const values = Float32Array.of(round, 1);
        await collective.sum(values);
        assert.deepEqual([...values], [collective.ranks * round, collective.ranks]);
      }
    },
  },
  {
    name: 'sums part of a memory that WebAssembly has, in place, and nothing beside it',
    async check(collective) {
      const { buffer } = new WebAssembly.Memory({ initial: 1 });
      const values = new Float32Array(buffer, 64, 8).fill(1);
      await collective.sum(values);
      const around = new Float32Array(buffer, 0, 32);
      assert.deepEqual([...around], [...Array(16).fill(0), ...Array(8).fill(collective.ranks), ...Array(8).fill(0)]);
    },
  },
  {
    name: 'sums nothing, too',
    check: (collective) => collective.sum(new Float32Array(0)),
  },
  {
    name: 'gathers texts of different lengths in the order of the ranks',
    async check(collective) {
      const textOf = (rank: number) => 'größe '.repeat(rank);
      const texts = await gatherTexts(textOf(collective.rank), collective);
      assert.deepEqual(texts, [...Array(collective.ranks).keys()].map(textOf));
    },
  },
];
