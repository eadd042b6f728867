import { describe, expect, it } from 'vitest';
import type { Groups } from '../groups/groups.ts';
import { type RankedUnits, rankings } from './ranking.ts';

const layer = (name: string, components: readonly number[]) => ({
  name,
  operator: 'LSTM',
  components: Int32Array.from(components),
});

const groups: Groups = {
  layers: [layer('a', [0, 1]), layer('b', [2, 3, -1])],
  count: 4,
  axes: [],
  entangled: new Map(),
};

const units: RankedUnits = {
  groups,
  live: Uint8Array.of(1, 1, 1, 1),
  norms: Float64Array.of(3, 4, 30, 40),
  activities: Float64Array.of(1, 0.5, 0, 0.1),
  sensitivities: Float64Array.of(0.2, 0.1, 0.3, 0),
};

describe('rankings', () => {
  it('by norm: relative to the layer across layers', () => {
    const { within, across } = rankings.norm.scores(units);
    expect(within).toEqual(units.norms);
    expect(across[0]).toBeCloseTo(3 / Math.sqrt(12.5), 12);
    expect(across[2]).toBeCloseTo(across[0]!, 12);
  });

  it('by activity: norm × root mean square; none without inputs', () => {
    const { within, across } = rankings.activity.scores(units);
    expect([...within]).toEqual([3, 2, 0, 4]);
    expect([...across]).toEqual([1, 4 / 13, 0, 1]);
    expect(() => rankings.activity.scores({ ...units, activities: undefined })).toThrow(/needs inputs/);
  });

  it('by derivatives: as they are within a layer; none without them', () => {
    const { within, across } = rankings.taylor.scores(units);
    expect(within).toEqual(units.sensitivities);
    expect(across[0]).toBe(1);
    expect(across[1]).toBeCloseTo(1 / 5, 12);
    expect([...across.slice(2)]).toEqual([1, 0]);
    expect(() => rankings.taylor.scores({ ...units, sensitivities: undefined })).toThrow(/derivatives needs inputs/);
  });

  it('by LAMP: the share of the square among the larger ones of the layer', () => {
    const { within, across } = rankings.lamp.scores(units);
    expect(within).toEqual(units.norms);
    expect([...across]).toEqual([9 / 25, 1, 900 / 2500, 1]);
  });
});
