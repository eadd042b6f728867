import { describe, expect, it } from 'vitest';
import { UsageError } from '../base/errors.ts';
import { readLossBudget, readSizeGoal } from './goal.ts';

describe('goals', () => {
  it('are sizes as shares of the original', () => {
    expect(readSizeGoal('params=0.4')).toEqual({ kind: 'size', size: 'params', share: 0.4 });
    expect(readSizeGoal('multiply-adds=.25')).toEqual({ kind: 'size', size: 'multiply-adds', share: 0.25 });
  });

  it.each(['params', 'params=', 'params=0', 'params=1', 'params=40%', 'params=-1', 'params=NaN'])(
    'refuses %s',
    (text) => {
      expect(() => readSizeGoal(text)).toThrow(/--target takes params=SHARE/);
    },
  );

  it('knows near names', () => {
    expect(() => readSizeGoal('param=0.5')).toThrow(
      /there is no 'param'.*params.*say one of params, units, multiply-adds/,
    );
    expect(() => readSizeGoal('0.5')).toThrow(UsageError);
    expect(() => readSizeGoal('constructor=0.5')).toThrow(/say one of/);
  });

  it('or a bound on what is lost', () => {
    expect(readLossBudget('1%')).toEqual({ kind: 'loss', budget: 0.01 });
    expect(readLossBudget('2.5 %')).toEqual({ kind: 'loss', budget: 0.025 });
    expect(readLossBudget('0.01')).toEqual({ kind: 'loss', budget: 0.01 });
    for (const text of ['', '%', '0', '100%', '1', '-1%', 'one']) {
      expect(() => readLossBudget(text), text).toThrow(/--loss-budget takes a percentage or a share/);
    }
  });
});
