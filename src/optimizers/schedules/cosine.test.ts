import { expect, it } from 'vitest';
import { cosine } from './cosine.ts';

const at = (done: number) => ({ epoch: Math.floor(done), share: done % 1, update: 0, history: [] });

it('falls from the learning rate to the floor along half a cosine', () => {
  const schedule = cosine(0.5, 0.1, 4);
  expect(schedule.rate(at(0))).toBe(0.5);
  expect(schedule.rate(at(1))).toBeCloseTo(0.3 + 0.2 * Math.SQRT1_2, 12);
  expect(schedule.rate(at(2))).toBeCloseTo(0.3, 12);
  expect(schedule.rate(at(4))).toBeCloseTo(0.1, 12);
});

it('falls with every update', () => {
  const rates = Array.from({ length: 40 }, (_, update) => cosine(1, 0, 4).rate(at(update / 10)));
  expect(rates.every((rate, i) => i === 0 || rate < rates[i - 1]!)).toBe(true);
});

it('stays where the floor is above the learning rate', () => {
  expect(cosine(0.1, 0.5, 4).rate(at(3))).toBe(0.1);
});
