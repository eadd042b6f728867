import { expect, it } from 'vitest';
import { parseValues, type VariedKind } from './values.ts';

const values = (kind: VariedKind, text: string, count?: number) => parseValues(kind, text, '--field', count);

it('a range has equal ratios and the ends that were typed', () => {
  expect(values('number', '1e-3..1e-2', 3)).toEqual([0.001, 0.003162, 0.01]);
  expect(values('whole', '10..40', 3)).toEqual([10, 20, 40]);
  expect(values('whole', '1..20', 4)).toEqual([1, 3, 7, 20]);
});

it('lists, lists of lists, names and truths', () => {
  expect(values('number', '0,0.002')).toEqual([0, 0.002]);
  expect(values('numbers', '200,200/100,100')).toEqual([
    [200, 200],
    [100, 100],
  ]);
  expect(values('numbers', '200,200')).toEqual([[200, 200]]);
  expect(values('text', 'lstm,gru')).toEqual(['lstm', 'gru']);
  expect(values('text', 'units=0.3,units=0.5')).toEqual(['units=0.3', 'units=0.5']);
  expect(values('boolean', 'true,false')).toEqual([true, false]);
});

it.each([
  ['1e-2..1e-3', 4, 'the range is empty'],
  ['1e-3..1e-3', 4, 'the range is empty'],
  ['0..1', 4, 'numbers above 0'],
  ['-1..1', 4, 'numbers above 0'],
  ['1e-3..1e-2', undefined, 'say with --count'],
  ['1e-3..1e-2', 1, 'at least 2 values'],
  ['1..2..3', 4, 'a range as a..b'],
  ['1..', 4, "got ''"],
  ['0.1,', undefined, "got ''"],
  ['0.1,0.1', undefined, 'more than once'],
  ['1..1.001', 50, 'more than once'],
])('%s with --count %s is refused', (text, count, message) => {
  expect(() => values('number', text, count)).toThrow(message);
});

it('truths are true or false', () => {
  expect(() => values('boolean', 'yes')).toThrow("true or false, got 'yes'");
});
