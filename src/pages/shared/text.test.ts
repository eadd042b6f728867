import { expect, test } from 'vitest';
import { moment, unbroken } from './text.ts';

test.each([
  ['218 kB', '218_kB'],
  ['48 + 21', '48_+_21'],
  ['−0.5 points, test 86.1 %', '−0.5_points, test 86.1_%'],
  ['4 × AMD', '4_× AMD'],
  ['about the same', 'about the same'],
])('in %j no line ends between a number and its unit', (text, expected) => {
  expect(unbroken(text).replaceAll('\u00a0', '_')).toBe(expected);
});

test('a moment is in the time of the person', () => {
  expect(moment(new Date(2026, 10, 3, 4, 5).getTime())).toBe('2026-11-03 04:05');
});
