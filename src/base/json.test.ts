import { expect, it } from 'vitest';
import { parseJson } from './json.ts';

it('a byte order mark before JSON is skipped, and nothing else', () => {
  expect(parseJson('\uFEFF{"epochs":3}')).toEqual({ epochs: 3 });
  expect(parseJson('{"text":"\uFEFF"}')).toEqual({ text: '\uFEFF' });
  expect(() => parseJson('\uFEFF\uFEFF1')).toThrow(SyntaxError);
  expect(() => parseJson('')).toThrow(SyntaxError);
});
