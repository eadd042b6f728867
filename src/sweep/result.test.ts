import { expect, it } from 'vitest';
import { readSettings } from '../config/readSettings.ts';
import { presets } from '../tasks/registry.ts';
import { perplexity } from '../tasks/score.ts';
import { markFronts, type SweepRow } from './result.ts';
import type { RunState } from './standings.ts';

const config = readSettings('test', { epochs: 4 }, presets['iss-small']!);

/** Finished runs of given perplexities and sizes, some of them collapsed. */
function frontOf(points: readonly (readonly [value: number, parameters: number, collapsed?: boolean])[]): boolean[] {
  const runs = points.map((_, i) => ({ name: `${i}`, varied: {}, config, digest: `${i}` }));
  const states = points.map(([value, parameters, collapsed]): RunState => {
    const scores = { perplexity: value };
    const sizes = { hidden: [1], parameters, nonzero: parameters };
    return { kind: 'finished', entry: { epoch: 4, epochs: 4, scores, ...sizes, ...(collapsed && { collapsed }) } };
  });
  const rows = runs.map(({ name: run, varied }): SweepRow => {
    return { run, varied, state: 'finished', epochs: 4, scores: {}, front: { size: false, latency: false } };
  });
  return markFronts(rows, states, { runs, scores: [perplexity] }).map(({ front }) => front.size);
}

it('the front has the runs that none beats in both, however near the others come', () => {
  expect(
    frontOf([
      [100, 50],
      [120, 40],
      [130, 45],
    ]),
  ).toEqual([true, true, false]);
});

it('a run that has collapsed is no trade-off, though none is smaller', () => {
  expect(
    frontOf([
      [100, 50],
      [120, 40],
      [700, 2],
    ]),
  ).toEqual([true, true, true]);
  expect(
    frontOf([
      [100, 50],
      [120, 40],
      [700, 2, true],
    ]),
  ).toEqual([true, true, false]);
});
