import { describe, expect, it } from 'vitest';
import { meetingRanks } from '../../test/support/ranks.ts';
import { randomStream, uniform } from '../base/random.ts';
import { type Collective, single } from './collective.ts';

/** Every way of training together, with its ranks. */
const ways: readonly { readonly name: string; readonly ranks: readonly Collective[] }[] = [
  { name: 'one process', ranks: [single] },
  ...[1, 2, 3].map((ranks) => ({ name: `${ranks} that meet in one process`, ranks: meetingRanks(ranks) })),
];

describe.each(ways)('collective: $name', ({ ranks }) => {
  const everyone = <T>(work: (collective: Collective) => Promise<T>) => Promise.all(ranks.map(work));

  it('numbers its ranks from 0', () => {
    expect(ranks.map(({ rank }) => rank)).toEqual([...ranks.keys()]);
    for (const { ranks: count } of ranks) expect(count).toBe(ranks.length);
  });

  it('leaves the same sums in every rank, to the last bit', async () => {
    const brought = ranks.map(({ rank }) => uniform(1000, 1, randomStream(rank + 1)));
    const sums = await everyone(async (collective) => {
      const values = brought[collective.rank]!.slice();
      await collective.sum(values);
      return values;
    });
    for (const values of sums) expect(values).toEqual(sums[0]);
    const expected = brought[0]!.map((_, i) => brought.reduce((sum, values) => sum + values[i]!, 0));
    sums[0]!.forEach((sum, i) => void expect(sum).toBeCloseTo(expected[i]!, 5));
  });

  it('counts in float64', async () => {
    const big = 2 ** 40;
    const counts = await everyone(async (collective) => {
      const values = Float64Array.of(big + 1, collective.rank, 0.5);
      await collective.sum(values);
      return [...values];
    });
    const count = ranks.length;
    for (const sums of counts) expect(sums).toEqual([count * (big + 1), (count * (count - 1)) / 2, count / 2]);
  });

  it('keeps one sum apart from the next', async () => {
    await everyone(async (collective) => {
      for (let round = 0; round < 20; round++) {
        const values = Float32Array.of(round, 1);
        await collective.sum(values);
        expect([...values]).toEqual([ranks.length * round, ranks.length]);
      }
    });
  });

  it('sums nothing, too', async () => {
    await everyone((collective) => collective.sum(new Float32Array(0)));
  });
});

describe('ranks that meet in one process', () => {
  it('notice when they sum different things', async () => {
    const [first, second] = meetingRanks(2);
    const done = await Promise.allSettled([first!.sum(new Float32Array(2)), second!.sum(new Float32Array(3))]);
    expect(done.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
