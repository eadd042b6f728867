import { expect, it } from 'vitest';
import { CrashNoise } from './crashNoise.ts';

const lines = [
  'verifying\n',
  "terminate called after throwing an instance of 'std::bad_alloc'\n",
  '  what():  std::bad_alloc\n',
];

function passed(hasCrashed: boolean, chunks: readonly string[]): { written: string; held: string } {
  let written = '';
  const noise = new CrashNoise((text) => {
    written += text;
  });
  for (const chunk of chunks) noise.add(chunk);
  noise.end(hasCrashed);
  return { written, held: noise.text };
}

it('keeps the last words of a crash back', () => {
  const all = lines.join('');
  for (const chunks of [lines, [all], [...all]]) {
    expect(passed(true, chunks)).toEqual({ written: lines[0], held: lines[1]! + lines[2]! });
    expect(passed(false, chunks).written).toBe(all);
  }
});

it('passes everything else on, the last line without its end, too', () => {
  expect(passed(true, ['one\ntw', 'o\nthree'])).toEqual({ written: 'one\ntwo\nthree', held: '' });
});
