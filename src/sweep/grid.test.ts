import { expect, it } from 'vitest';
import type { Settings } from '../base/fields.ts';
import { settingsOf } from '../config/resolve.ts';
import { presets } from '../tasks/registry.ts';
import { gridRuns, type Varied } from './grid.ts';

const base = presets['iss-small']!;
const runsOf = (varied: Varied, overrides: Settings = {}) => gridRuns({ base, overrides }, varied);

it('is the product of all values', () => {
  const runs = runsOf({ iss: [0.001, 0.002], keep: [0.5, 1] });
  expect(runs.map(({ name }) => name)).toEqual([
    '1-iss-0.001-keep-0.5',
    '2-iss-0.001-keep-1',
    '3-iss-0.002-keep-0.5',
    '4-iss-0.002-keep-1',
  ]);
  expect(runs[2]!.varied).toEqual({ iss: 0.002, keep: 0.5 });
  expect(settingsOf(runs[2]!.config)).toMatchObject({ iss: 0.002, keep: 0.5, epochs: 13 });
});

it('names folders so that they sort and hold nothing odd', () => {
  const hidden = Array.from({ length: 10 }, (_, i) => [i + 1, i + 1]);
  const names = runsOf({ hidden }).map(({ name }) => name);
  expect(names).toEqual([...names].sort());
  expect(names[0]).toBe('01-hidden-1-1');
});

it('holds a dense run beside runs with a group penalty, whatever the penalty has', () => {
  const fields = { proximal: true, issScaling: 'sqrt', issLayers: [1, 2] };
  const [dense, sparse] = runsOf({ iss: [0, 0.002] }, fields);
  expect(dense!.config).toEqual({ ...sparse!.config, method: { kind: 'dense' } });
  expect(sparse!.config.method).toEqual({ kind: 'proximal', iss: 0.002, ...fields });
});

it('varies the fields of any kind', () => {
  const momentum = [0.5, 0.9];
  const runs = runsOf({ optimizer: ['adam', 'sgd'], learningRate: [0.01, 0.1] });
  expect(runs.map(({ config }) => [config.optimizer.kind, config.schedule.learningRate])).toEqual([
    ['adam', 0.01],
    ['adam', 0.1],
    ['sgd', 0.01],
    ['sgd', 0.1],
  ]);
  expect(runsOf({ momentum }, { optimizer: 'momentum' })[1]!.config.optimizer.momentum).toBe(0.9);
  expect(() => runsOf({ momentum })).toThrow('run 1 (momentum 0.5): --momentum needs --optimizer momentum');
});

it('refuses what is no sweep', () => {
  expect(() => runsOf({})).toThrow('at least 2 runs');
  expect(() => runsOf({ iss: [0.001] })).toThrow('at least 2 runs');
  expect(() => runsOf({ iss: [] })).toThrow('iss has no values');
  expect(() => runsOf({ iss: [0.001, -1] })).toThrow('run 2 (iss -1): --iss: expected at least 0');
  expect(() => runsOf({ is: [1, 2] })).toThrow("unknown field '--is' (did you mean 'iss'?)");
});
