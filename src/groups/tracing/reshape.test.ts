import { describe, expect, it } from 'vitest';
import { FIXED, Identities } from './identities.ts';
import { reshapeAxes, reshapeFlow, reshapeGroups } from './reshape.ts';
import { flow, plainAxis, valueAxis } from './traced.ts';

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

describe('reshapeAxes', () => {
  const axesOf = (identities: Identities, ...sizes: number[]) => sizes.map((n) => valueAxis(identities.fresh(n)));
  const isFixed = (identities: Identities, ids: Int32Array) => ids.every((id) => identities.find(id) === FIXED);

  it('keeps whole axes, and the largest of those that are merged', () => {
    const identities = new Identities();
    const axes = axesOf(identities, 2, 3, 4);
    const made = reshapeAxes(axes, [1, 6, 4], identities);
    expect(made[2]!.ids).toBe(axes[2]!.ids);
    expect([...made[1]!.ids]).toEqual([...axes[1]!.ids, ...axes[1]!.ids]);
    expect(isFixed(identities, axes[0]!.ids)).toBe(true);
    expect(isFixed(identities, axes[2]!.ids)).toBe(false);
  });

  it('takes gates apart', () => {
    const identities = new Identities();
    const [axis] = axesOf(identities, 6);
    const made = reshapeAxes([axis!], [2, 3], identities);
    expect(made[0]).toMatchObject({ size: 2, ids: new Int32Array(0) });
    expect(made[1]!.ids).toHaveLength(3);
    expect(identities.find(axis!.ids[0]!)).toBe(identities.find(axis!.ids[3]!));
    expect(identities.find(axis!.ids[0]!)).not.toBe(identities.find(axis!.ids[1]!));
  });

  it('fixes what is mixed with a free dimension', () => {
    const identities = new Identities();
    const axes = [plainAxis('batch'), ...axesOf(identities, 4)];
    expect(reshapeAxes(axes, ['4*batch'], identities)).toEqual([plainAxis('4*batch')]);
    expect(isFixed(identities, axes[1]!.ids)).toBe(true);
  });

  it('does not count elements without end', () => {
    const identities = new Identities();
    const merged = reshapeFlow(flow([1e9, 4], 1, identities.fresh(4)), [4e9], identities);
    expect(merged).toBeUndefined();
  });
});
