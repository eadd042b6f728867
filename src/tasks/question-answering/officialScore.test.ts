import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { answerWords, scoreAnswer } from './officialScore.ts';

interface Scored {
  readonly predicted: string;
  readonly answers: readonly string[];
  readonly exact: number;
  readonly f1: number;
}

const { cases } = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/questions/scores.json', import.meta.url), 'utf8'),
) as { cases: Scored[] };

describe('the score of an answer', () => {
  it('is that of the definition in Python for 400 answers with odd marks, articles and letters', () => {
    expect(cases).toHaveLength(400);
    const wrong = cases.filter(({ predicted, answers, exact, f1 }) => {
      const own = scoreAnswer(predicted, answers);
      return own.exact !== exact || Math.abs(own.f1 - f1) > 1e-12;
    });
    expect(wrong).toEqual([]);
  });

  it('leaves articles in other words alone', () => {
    expect(answerWords('The theatre of an Aardvark, a-one')).toEqual(['theatre', 'of', 'aardvark', 'aone']);
  });

  it('takes the best of several references', () => {
    expect(scoreAnswer('in 1802', ['1803', '1802'])).toEqual({ exact: 0, f1: 2 / 3 });
    expect(scoreAnswer('1802', ['1803', 'The 1802.'])).toEqual({ exact: 1, f1: 1 });
  });

  it('is nothing for no words, but exact where none are asked for', () => {
    expect(scoreAnswer('', ['the'])).toEqual({ exact: 1, f1: 0 });
    expect(scoreAnswer('', ['x'])).toEqual({ exact: 0, f1: 0 });
  });
});
