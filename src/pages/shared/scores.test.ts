import { describe, expect, it, test } from 'vitest';
import { runConfig } from '../../../test/support/runFolder.ts';
import { perplexity, type ScoreKind } from '../../tasks/score.ts';
import { settingsOf } from './configTable.tsx';
import { allScores, change, qualityOf, scoreColumns } from './scores.ts';

const accuracy: ScoreKind = { name: 'accuracy', better: 'higher', decimals: 1, isShare: true };
const loss: ScoreKind = { name: 'loss', better: 'lower', decimals: 4 };

describe('the deciding score', () => {
  it('is the first one of the task, on validation data where there are any', () => {
    const scores = { valid: { loss: 0.5, accuracy: 0.8 }, test: { loss: 0.6, accuracy: 0.7 } };
    expect(qualityOf(scores, [accuracy, loss])).toEqual({ kind: accuracy, name: 'validation accuracy', value: 0.8 });
    expect(qualityOf({ test: scores.test }, [accuracy, loss])?.name).toBe('test accuracy');
    expect(qualityOf({ valid: { loss: 0.5 } }, [accuracy, loss])?.name).toBe('validation loss');
  });

  it('is none of the training data', () => {
    expect(qualityOf({ train: { accuracy: 1 } }, [accuracy])).toBeUndefined();
    expect(qualityOf({}, [accuracy])).toBeUndefined();
  });
});

test('a change is in percent, that of a share in points', () => {
  expect(change(perplexity, 120, 119.76)).toBe('−0.2 %');
  expect(change(perplexity, 100, 101)).toBe('+1.0 %');
  expect(change(accuracy, 0.875, 0.87)).toBe('−0.5 points');
  expect(change({ ...accuracy, decimals: 2 }, 0.875, 0.8756)).toBe('+0.06 points');
});

test('columns have the figures of each part of the data', () => {
  const columns = scoreColumns([accuracy, loss]);
  const scores = { valid: { accuracy: 0.873, loss: 0.3 }, test: { accuracy: 0.861 } };
  expect(columns.map(({ head, read }) => [head, read({ scores })])).toEqual([
    ['valid accuracy', '87.3 %'],
    ['valid loss', '0.3000'],
    ['test accuracy', '86.1 %'],
    ['test loss', undefined],
    ['train accuracy', undefined],
    ['train loss', undefined],
  ]);
});

test('the scores of several runs have each name once', () => {
  const runs = [{ scores: [accuracy, loss] }, { scores: [perplexity] }, { scores: [loss] }];
  expect(allScores(runs).map(({ name }) => name)).toEqual(['accuracy', 'loss', 'perplexity']);
});

test('settings go by the names of their parts, without what nobody has set', () => {
  const settings = settingsOf(runConfig('language-model', { freeze: ['a'] }));
  expect([...settings]).toEqual(
    expect.arrayContaining([
      ['task', 'language-model'],
      ['model.hidden', [8, 8]],
      ['method', 'group-lasso'],
      ['method.iss', 0.01],
      ['sources.data', null],
      ['freeze', ['a']],
    ]),
  );
  expect(settings.has('scores') || settings.has('format')).toBe(false);
});
