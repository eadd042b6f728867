import { expect, it } from 'vitest';
import { fieldKind, fieldNames, parseValues } from './values.ts';

const values = (field: Parameters<typeof parseValues>[0], text: string, count?: number) =>
  parseValues(field, text, `--${field}`, count);

it('a range has equal ratios and the ends that were typed', () => {
  expect(values('iss', '1e-3..1e-2', 3)).toEqual([0.001, 0.003162, 0.01]);
  expect(values('batch', '10..40', 3)).toEqual([10, 20, 40]);
});

it('lists, lists of lists, names and truths', () => {
  expect(values('iss', '0,0.002')).toEqual([0, 0.002]);
  expect(values('hidden', '200,200/100,100')).toEqual([
    [200, 200],
    [100, 100],
  ]);
  expect(values('hidden', '200,200')).toEqual([[200, 200]]);
  expect(values('cell', 'lstm,gru')).toEqual(['lstm', 'gru']);
  expect(values('target', 'units=0.3,units=0.5')).toEqual(['units=0.3', 'units=0.5']);
  expect(values('shrink', 'true,false')).toEqual([true, false]);
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
  expect(() => values('iss', text, count)).toThrow(message);
});

it('truths are true or false', () => {
  expect(() => values('shrink', 'yes')).toThrow("true or false, got 'yes'");
});

it('knows what every field of a configuration holds', () => {
  expect(Object.fromEntries(fieldNames.map((field) => [field, fieldKind(field)]))).toMatchObject({
    cell: 'text',
    hidden: 'numbers',
    keep: 'number',
    epochs: 'whole',
    shrink: 'boolean',
    threads: 'whole',
  });
});
