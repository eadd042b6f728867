import { describe, expect, it } from 'vitest';
import { SlimError, UnchangedError, UsageError } from '../base/errors.ts';
import { InterruptedError } from '../train/errors.ts';
import { asksForJson } from './asksForJson.ts';
import { explain, table } from './output.ts';

describe('a table', () => {
  const head = ['model', 'valid perplexity', 'test perplexity', 'hidden', 'parameters', 'file'];
  const rows = [
    ['trained', '109.36', '105.33', '66, 130', '2 653 000', 'model.onnx'],
    ['slim', '109.36', '105.33', '66, 130', '2 653 000', 'slim.onnx'],
  ];
  const lines = (width?: number) => table(head, rows, width).split('\n');

  it('is one where there is room', () => {
    expect(lines(Number.POSITIVE_INFINITY)).toHaveLength(3);
  });

  it.each([40, 60, 80])('fits %i columns: it goes on below, each part with its rows named', (width) => {
    for (const line of lines(width)) expect(line.length, line).toBeLessThanOrEqual(width);
    const parts = table(head, rows, width).split('\n\n');
    expect(parts.length).toBeGreaterThan(1);
    for (const part of parts)
      expect(part.split('\n').map((line) => line.trim().split(/\s/)[0])).toEqual(['model', 'trained', 'slim']);
    const words = parts.join(' ').split(/\s+/);
    for (const cell of [...head, ...rows.flat()]) expect(words).toEqual(expect.arrayContaining(cell.split(' ')));
  });

  it('is left as it is where a single column is wider than the terminal', () => {
    expect(lines(10).length).toBe(5 * 3 + 4);
  });
});

describe('an error', () => {
  it.each([
    [new UsageError('bad flag'), 'usage', 2],
    [new UnchangedError('nothing to do'), 'unchanged', 3],
    [new SlimError('refused'), 'failed', 1],
    [new InterruptedError('stopped'), 'interrupted', 1],
  ])('%s is told apart by a word and the exit code', (error, code, exitCode) => {
    expect(explain(error)).toEqual({ code, exitCode, message: error.message });
  });

  it('that nobody meant comes with its stack', () => {
    const { code, message } = explain(new TypeError('oh'));
    expect([code, message]).toEqual(['unexpected', expect.stringMatching(/^TypeError: oh\n +at /)]);
  });

  it('is wanted as JSON where the command line says so before --', () => {
    expect(asksForJson(['node', 'slimrnn', 'train', '--nosuch', '--json'])).toBe(true);
    expect(asksForJson(['node', 'slimrnn', 'train', '--', '--json'])).toBe(false);
  });
});
