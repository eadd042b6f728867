import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomStream } from '../../../base/random.ts';
import { sample } from './sampling.ts';

test('temperature 0 takes the largest that is not banned', () => {
  const logits = Float32Array.of(1, 5, 3, 4);
  expect(sample(logits, 0, undefined, Math.random)).toBe(1);
  expect(sample(logits, 0, 1, Math.random)).toBe(3);
});

test('draws follow softmax(logits / temperature)', () => {
  const logits = Float32Array.of(0, 1, 2, 90);
  const temperature = 0.7;
  const random = randomStream(7);
  const counts = [0, 0, 0, 0];
  const draws = 20_000;
  for (let i = 0; i < draws; i++) counts[sample(logits, temperature, 3, random)]!++;
  const weights = [0, 1, 2].map((x) => Math.exp(x / temperature));
  const total = weights.reduce((a, b) => a + b);
  for (const [id, weight] of weights.entries()) {
    const p = weight / total;
    expect(Math.abs(counts[id]! / draws - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / draws));
  }
  expect(counts[3]).toBe(0);
});

test('never draws a banned id, whatever the logits and the random number', () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 2, maxLength: 9 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.double({ min: 0, max: 5, noNaN: true }),
      (values, u, temperature) => {
        const id = sample(Float32Array.from(values), temperature, 0, () => u);
        expect(id).toBeGreaterThan(0);
        expect(id).toBeLessThan(values.length);
      },
    ),
  );
});
