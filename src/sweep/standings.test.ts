import { describe, expect, it } from 'vitest';
import { readSettings } from '../config/readSettings.ts';
import { presets } from '../tasks/registry.ts';
import { perplexity, type ScoreKind } from '../tasks/score.ts';
import type { RunRecord } from './runRecord.ts';
import { baselines, standings } from './standings.ts';

const small = presets['iss-small']!;
const config = readSettings('test', { epochs: 4 }, small);
const plan = {
  runs: ['a', 'b', 'c', 'd'].map((name) => ({ name, varied: {}, config, digest: name })),
  rungs: [2],
  eta: 2,
  scores: [perplexity],
};
const entry = (epoch: number, value: number, parameters: number, score = 'perplexity') => ({
  epoch,
  epochs: epoch,
  scores: { [score]: value },
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

describe('the dense baseline', () => {
  const dense = readSettings('test', { epochs: 4, iss: 0 }, small);
  const withDense = { ...plan, runs: plan.runs.map((run, i) => (i === 0 ? { ...run, config: dense } : run)) };
  const kindsOf = (records: RunRecord[], of = withDense) => standings(of, records).map(({ kind }) => kind);

  it('is never stopped, and takes nobody a place', () => {
    const worst = at(400, 40);
    expect(kinds([worst, at(200, 5), at(300, 20), at(350, 30)])).toEqual(['stopped', 'open', 'open', 'stopped']);
    expect(kindsOf([worst, at(200, 5), at(300, 20), at(350, 30)])).toEqual(['open', 'open', 'open', 'stopped']);
    expect(baselines(withDense)).toEqual([true, false, false, false]);
  });

  it('is a run like others where all are dense', () => {
    const all = { ...plan, runs: plan.runs.map((run) => ({ ...run, config: dense })) };
    expect(kindsOf([at(400, 40), at(200, 5), at(300, 20), at(350, 30)], all)).toEqual([
      ...['stopped', 'open', 'open', 'stopped'],
    ]);
  });
});

it('what has collapsed comes behind all others, however small it is', () => {
  const collapsed: RunRecord = { rungs: [{ ...entry(2, 500, 1), collapsed: true }], finished: false };
  expect(kinds([at(500, 1), at(200, 50), at(300, 60), at(350, 70)])[0]).toBe('open');
  expect(kinds([collapsed, at(200, 50), at(300, 60), at(350, 70)])).toEqual(['stopped', 'open', 'open', 'stopped']);
});

it('a run is finished when its result and its last standing are written', () => {
  const end = [entry(2, 100, 10), entry(4, 90, 8)];
  const others = [at(200, 5), at(300, 20), at(400, 30)];
  expect(kinds([{ rungs: end, finished: true }, ...others])[0]).toBe('finished');
  expect(kinds([{ rungs: end, finished: false }, ...others])[0]).toBe('open');
  expect(kinds([{ rungs: end.slice(0, 1), finished: true }, ...others])[0]).toBe('open');
});

it('methods that leave zeros in place are judged by what is not zero', () => {
  const pruned = readSettings('test', { epochs: 4, iss: 0, magnitude: 0.5 }, small);
  const runs = plan.runs.map((run) => ({ ...run, config: pruned }));
  const sparse = (nonzero: number): RunRecord => ({ rungs: [{ ...entry(2, 100, 50), nonzero }], finished: false });
  const states = standings({ ...plan, runs }, [sparse(40), sparse(30), sparse(10), sparse(20)]);
  expect(states.map(({ kind }) => kind)).toEqual(['stopped', 'stopped', 'open', 'open']);
});

describe('the deciding score', () => {
  const reached = (score: string, values: readonly number[], sizes: readonly number[]): RunRecord[] =>
    values.map((value, i) => ({ rungs: [entry(2, value, sizes[i]!, score)], finished: false }));
  const kindsBy = (score: ScoreKind, values: readonly number[], sizes: readonly number[]) =>
    standings({ ...plan, scores: [score] }, reached(score.name, values, sizes)).map(({ kind }) => kind);
  const accuracy: ScoreKind = { name: 'accuracy', better: 'higher', decimals: 2, isShare: true };

  it('may be better when it is higher', () => {
    expect(kindsBy(accuracy, [0.5, 0.9, 0.6, 0.8], [10, 10, 10, 10])).toEqual(['stopped', 'open', 'stopped', 'open']);
  });

  it('may be a loss of 0', () => {
    const loss: ScoreKind = { name: 'mse', better: 'lower', decimals: 4 };
    expect(kindsBy(loss, [0.1, 0, 0.2, 1e-9], [10, 10, 10, 10])).toEqual(['stopped', 'open', 'stopped', 'open']);
  });

  it('is spread by ratios where it is a perplexity, by points where it is a share', () => {
    // All four are on one front: the ends go on, and one between them.
    const between = (score: ScoreKind, values: readonly number[]) => {
      const states = standings({ ...plan, eta: 4 / 3, scores: [score] }, reached(score.name, values, [8, 4, 2, 1]));
      return states.flatMap(({ kind }, i) => (kind === 'open' ? [i] : []));
    };
    expect(between(perplexity, [1, 100, 5000, 10_000])).toEqual([0, 1, 3]);
    expect(between(accuracy, [1, 0.5, 0.01, 0.0001])).toEqual([0, 1, 3]);
  });
});
