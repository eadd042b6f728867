import { expect, it } from 'vitest';
import { perplexity, scoreKinds } from '../tasks/score.ts';
import type { RunResult } from './result.ts';
import { meanOf, overSeeds } from './seeds.ts';

it('the deviation is that of a sample', () => {
  expect(meanOf([1, 2, 3, 4])).toEqual({ values: [1, 2, 3, 4], mean: 2.5, deviation: Math.sqrt(5 / 3) });
  expect(meanOf([7])).toMatchObject({ mean: 7, deviation: 0 });
});

it('runs are summed up model by model, score by score, layer by layer', () => {
  const result = (value: number, hidden: number[], seconds: number) =>
    ({
      config: { scores: scoreKinds([perplexity]) },
      models: ['trained', 'slim'].map((name) => ({
        name,
        hidden,
        parameters: 10 * hidden[0]!,
        scores: { valid: { perplexity: value } },
      })),
      seconds,
    }) as unknown as RunResult;
  const { models, seconds, scores } = overSeeds([1, 2], [result(100, [4, 8], 2), result(102, [6, 8], 4)]);
  expect(scores.map(({ name }) => name)).toEqual(['perplexity']);
  expect(models.map(({ name }) => name)).toEqual(['trained', 'slim']);
  expect(models[1]!.scores.valid!.perplexity).toEqual({ values: [100, 102], mean: 101, deviation: Math.SQRT2 });
  expect(models[1]!.hidden.map(({ mean }) => mean)).toEqual([5, 8]);
  expect(models[1]!.parameters.values).toEqual([40, 60]);
  expect(seconds.mean).toBe(3);
});
