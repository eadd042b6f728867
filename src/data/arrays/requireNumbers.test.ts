import { expect, it } from 'vitest';
import { floats } from '../../graph/attributes.ts';
import { requireNumbers } from './requireNumbers.ts';

it.each<[string, () => void, RegExp | undefined]>([
  [
    'NaN',
    () => requireNumbers(floats([3], [1, Number.NaN, 2]), "array 'x'"),
    /^array 'x' has the value NaN at position 1;/,
  ],
  ['infinity', () => requireNumbers(floats([1], [Number.POSITIVE_INFINITY]), 'x'), /value Infinity at position 0/],
  [
    'half an infinity',
    () => requireNumbers({ elementType: 'float16', dims: [2], data: Uint16Array.of(0, 0x7c00) }, 'x'),
    /value Infinity at position 1/,
  ],
  ['minus infinity', () => requireNumbers(floats([1], [Number.NEGATIVE_INFINITY]), 'x'), undefined],
  [
    'integers',
    () => requireNumbers({ elementType: 'uint16', dims: [1], data: Uint16Array.of(0x7c00) }, 'x'),
    undefined,
  ],
])('looks for values that are no numbers: %s', (_, check, message) => {
  if (message) expect(check).toThrow(message);
  else expect(check).not.toThrow();
});
