import { describe, expect, it } from 'vitest';
import { FIXED, Identities } from './identities.ts';
import { reshapeFlow, reshapeGroups, reshapeWeight } from './reshape.ts';
import { flow, weight } from './traced.ts';

describe('reshapeGroups', () => {
  it.each([
    {
      from: ['T', 'B', 2, 3],
      to: ['T', 'B', 6],
      groups: [
        [[0], [0]],
        [[1], [1]],
        [[2, 3], [2]],
      ],
    },
    {
      from: ['T', 'B', 6],
      to: ['B*T', 6],
      groups: [
        [[0, 1], [0]],
        [[2], [1]],
      ],
    },
    {
      from: ['T', 'B', 6],
      to: ['?0', 6],
      groups: [
        [[0, 1], [0]],
        [[2], [1]],
      ],
    },
    { from: [1, 6], to: [2, 1, 3], groups: [[[1], [0, 2]]] },
    {
      from: [4, 6],
      to: [8, 3],
      groups: [
        [
          [0, 1],
          [0, 1],
        ],
      ],
    },
    {
      from: [2, 3, 4, 5],
      to: [6, 20],
      groups: [
        [[0, 1], [0]],
        [[2, 3], [1]],
      ],
    },
  ])('$from → $to', ({ from, to, groups }) => {
    expect(reshapeGroups(from, to).map((g) => [g.from, g.to])).toEqual(groups);
  });
});

describe('reshapeFlow', () => {
  it('repeats channels when an axis before them is merged', () => {
    const identities = new Identities();
    const ids = identities.fresh(3);
    const merged = reshapeFlow(flow(['T', 2, 3], 2, ids), ['T', 6], identities);
    expect(merged).toMatchObject({ axis: 1, ids: Int32Array.of(...ids, ...ids) });
    expect(identities.unions).toBe(0);
  });

  it('finds the channels again where they were', () => {
    const identities = new Identities();
    const ids = identities.fresh(3);
    const merged = reshapeFlow(flow([3, 4], 0, ids), [12], identities)!;
    expect(reshapeFlow(merged, [3, 4], identities)).toMatchObject({ axis: 0, ids });
    expect(identities.unions).toBe(0);
  });

  it('unites channels that come to share a column', () => {
    const identities = new Identities();
    const ids = identities.fresh(4);
    expect(reshapeFlow(flow(['T', 4], 1, ids), ['T', 2, 2], identities)?.axis).toBe(2);
    const roots = [...ids].map((id) => identities.find(id));
    expect(roots).toEqual([ids[0], ids[1], ids[0], ids[1]]);
  });

  it('does not mix channels with a free dimension', () => {
    const identities = new Identities();
    expect(reshapeFlow(flow(['B', 4], 1, identities.fresh(4)), ['4*B'], identities)).toBeUndefined();
  });
});

describe('reshapeWeight', () => {
  it('keeps whole axes and fixes those that are merged', () => {
    const identities = new Identities();
    const axes = [identities.fresh(2), identities.fresh(3), identities.fresh(4)].map((ids) => ({ ids, sources: [] }));
    const made = reshapeWeight(weight(axes), [1, 6, 4], identities);
    expect(made.axes[2]!.ids).toBe(axes[2]!.ids);
    expect([...made.axes[1]!.ids]).toEqual(new Array(6).fill(FIXED));
    expect(identities.find(axes[0]!.ids[1]!)).toBe(FIXED);
    expect(identities.find(axes[2]!.ids[1]!)).not.toBe(FIXED);
  });
});
