import { expect, it } from 'vitest';
import type { TrainConfig } from '../train/config.ts';
import { presets } from '../train/presets.ts';
import { gridRuns } from './grid.ts';

const base = presets['iss-small']!;

it('is the product of all values', () => {
  const runs = gridRuns(base, { iss: [0.001, 0.002], keep: [0.5, 1] });
  expect(runs.map(({ name }) => name)).toEqual([
    '1-iss-0.001-keep-0.5',
    '2-iss-0.001-keep-1',
    '3-iss-0.002-keep-0.5',
    '4-iss-0.002-keep-1',
  ]);
  expect(runs[2]).toMatchObject({ varied: { iss: 0.002, keep: 0.5 }, config: { iss: 0.002, keep: 0.5, epochs: 13 } });
});

it('names folders so that they sort and hold nothing odd', () => {
  const hidden = Array.from({ length: 10 }, (_, i) => [i + 1, i + 1]);
  const names = gridRuns(base, { hidden }).map(({ name }) => name);
  expect(names).toEqual([...names].sort());
  expect(names[0]).toBe('01-hidden-1-1');
});

it('holds a dense run beside runs with a group penalty, whatever the penalty has', () => {
  const fields: TrainConfig = { ...base, proximal: true, issScaling: 'sqrt', issLayers: [1, 2] };
  const [dense, sparse] = gridRuns(fields, { iss: [0, 0.002] });
  expect(dense!.config).toEqual({ ...base, iss: 0 });
  expect(sparse!.config).toEqual({ ...fields, iss: 0.002 });
});

it('refuses what is no sweep', () => {
  expect(() => gridRuns(base, {})).toThrow('at least 2 runs');
  expect(() => gridRuns(base, { iss: [0.001] })).toThrow('at least 2 runs');
  expect(() => gridRuns(base, { iss: [] })).toThrow('iss has no values');
  expect(() => gridRuns(base, { iss: [0.001, -1] })).toThrow('run 2 (iss -1): iss: expected at least 0');
  const unknown: Record<string, number[]> = { is: [1, 2] };
  expect(() => gridRuns(base, unknown)).toThrow("unknown field 'is' (did you mean 'iss'?)");
});
