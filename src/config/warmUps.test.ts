import { expect, it } from 'vitest';
import { presets } from '../tasks/registry.ts';
import { readSettings } from './readSettings.ts';
import { warmUpNotes } from './warmUps.ts';

const run = { epochs: 2, updatesPerEpoch: 100 };
const notes = (fields: object) => warmUpNotes(readSettings('x', { ...fields }, presets['iss-small']), run);

it('a warm-up that outlasts the run is told, with what it gets to', () => {
  expect(notes({})).toEqual([]);
  expect(notes({ warmup: 200, issWarmup: 200 })).toEqual([]);
  expect(notes({ warmup: 201, issWarmup: 800 })).toEqual([
    '--warmup 201 is longer than the run, which has 200 updates: the learning rate gets to 99 % of its value',
    '--iss-warmup 800 is longer than the run, which has 200 updates: λ gets to 25 % of its value',
  ]);
  expect(notes({ issWarmup: 1_000_000 })).toEqual([expect.stringContaining('λ gets to less than 1 % of its value')]);
});
