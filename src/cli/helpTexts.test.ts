import { expect, it } from 'vitest';
import { exampleText, helpWidth } from './helpTexts.ts';

it('the help is as wide as the terminal, as far as it can be read', () => {
  expect([30, 60, 80, 300].map((columns) => helpWidth(columns))).toEqual([40, 60, 80, 110]);
});

it('an example that is too long for a line goes on behind a backslash, and can be copied', () => {
  const example = 'finetune model.onnx --data train.npz --valid valid.npz --loss mse --target-array y';
  expect(exampleText(example, 110)).toBe(`  slimrnn ${example}`);
  const lines = exampleText(example, 60).split('\n');
  expect(lines.length).toBe(2);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(60);
  expect(
    lines
      .join('\n')
      .replaceAll(/ \\\n +/g, ' ')
      .trim(),
  ).toBe(`slimrnn ${example}`);
});
