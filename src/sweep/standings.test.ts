import { describe, expect, it } from 'vitest';
import { presets } from '../train/presets.ts';
import type { RunRecord } from './runRecord.ts';
import { standings } from './standings.ts';

const config = { ...presets['iss-small']!, epochs: 4 };
const plan = {
  runs: ['a', 'b', 'c', 'd'].map((name) => ({ name, varied: {}, config, digest: name })),
  rungs: [2],
  eta: 2,
};
const entry = (epoch: number, validPerplexity: number, parameters: number) => ({
  epoch,
  validPerplexity,
  hidden: [1],
  parameters,
  nonzero: parameters,
});
const at = (perplexity: number, parameters: number): RunRecord => ({
  rungs: [entry(2, perplexity, parameters)],
  finished: false,
});
const nothing: RunRecord = { rungs: [], finished: false };
const kinds = (records: RunRecord[]) => standings(plan, records).map(({ kind }) => kind);

describe('a rung', () => {
  it('is decided when everybody is there', () => {
    expect(kinds([at(100, 10), at(200, 5), at(300, 20), nothing])).toEqual(['waiting', 'waiting', 'waiting', 'open']);
    expect(kinds([at(100, 10), at(200, 5), at(300, 20), at(400, 30)])).toEqual(['open', 'open', 'stopped', 'stopped']);
  });

  it('does not wait for those who have ended, and counts them', () => {
    const diverged: RunRecord = { ...nothing, failure: { kind: 'diverged', epochs: 1, reason: 'too fast' } };
    // Three of five go on, though two would of the four that are there.
    const five = { ...plan, runs: [...plan.runs, plan.runs[0]!] };
    const states = standings(five, [at(100, 10), diverged, at(300, 20), at(200, 5), at(400, 30)]);
    expect(states.map(({ kind }) => kind)).toEqual(['open', 'diverged', 'open', 'open', 'stopped']);
    expect(states[1]).toMatchObject({ epochs: 1, reason: 'too fast' });
  });

  it('was reached by those who end later', () => {
    const later: RunRecord = { ...at(100, 10), failure: { kind: 'failed', epochs: 3, reason: 'killed' } };
    expect(kinds([later, at(200, 5), at(300, 20), at(400, 30)])).toEqual(['failed', 'open', 'stopped', 'stopped']);
  });
});

it('a run is finished when its result and its last standing are written', () => {
  const end = [entry(2, 100, 10), entry(4, 90, 8)];
  const others = [at(200, 5), at(300, 20), at(400, 30)];
  expect(kinds([{ rungs: end, finished: true }, ...others])[0]).toBe('finished');
  expect(kinds([{ rungs: end, finished: false }, ...others])[0]).toBe('open');
  expect(kinds([{ rungs: end.slice(0, 1), finished: true }, ...others])[0]).toBe('open');
});

it('methods that leave zeros in place are judged by what is not zero', () => {
  const runs = plan.runs.map((run) => ({ ...run, config: { ...config, iss: 0, magnitude: 0.5 } }));
  const sparse = (nonzero: number): RunRecord => ({ rungs: [{ ...entry(2, 100, 50), nonzero }], finished: false });
  const states = standings({ ...plan, runs }, [sparse(40), sparse(30), sparse(10), sparse(20)]);
  expect(states.map(({ kind }) => kind)).toEqual(['stopped', 'stopped', 'open', 'open']);
});
