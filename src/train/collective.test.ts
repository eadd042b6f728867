import { describe, expect, it } from 'vitest';
import { collectiveContract } from '../../test/support/collectiveContract.ts';
import { meetingRanks } from '../../test/support/ranks.ts';
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

  it.each(collectiveContract)('$name', async ({ check }) => {
    await everyone(check);
  });
});

describe('ranks that meet in one process', () => {
  it('notice when they sum different things', async () => {
    const [first, second] = meetingRanks(2);
    const done = await Promise.allSettled([first!.sum(new Float32Array(2)), second!.sum(new Float32Array(3))]);
    expect(done.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
