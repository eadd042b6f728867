import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScheduleKind } from './kind.ts';
import { schedules } from './registry.ts';
import { learnedShare, type Schedule, type ScheduleMoment } from './schedule.ts';

const run = { epochs: 7, updatesPerEpoch: 5 };
/** A score that stops falling, gets worse, falls again. */
const scores = [9, 7, 6, 6.5, 6.5, 7, 5];
/** All moments of the run. */
const moments = Array.from({ length: run.epochs * run.updatesPerEpoch }, (_, update): ScheduleMoment => {
  const epoch = Math.floor(update / run.updatesPerEpoch);
  const share = (update % run.updatesPerEpoch) / run.updatesPerEpoch;
  return { epoch, share, update, history: scores.slice(0, epoch) };
});

const kinds = Object.entries<ScheduleKind>(schedules);

describe.each(kinds)('%s', (name, kind) => {
  const create = (warmup = 0): Schedule => kind.create({ ...kind.defaults, learningRate: 0.2, warmup }, run);

  it('is registered under its name, with defaults for all fields but the learning rate', () => {
    expect(kind.name).toBe(name);
    expect(Object.keys(kind.defaults).sort()).toEqual(
      Object.keys(kind.fields)
        .filter((field) => field !== 'learningRate')
        .sort(),
    );
    const values: Readonly<Record<string, unknown>> = { ...kind.defaults, learningRate: 0.2 };
    for (const [field, type] of Object.entries(kind.fields)) {
      expect(type).toHaveProperty('description', expect.stringMatching(/./));
      expect(type).toSatisfy(({ safeParse }) => safeParse(values[field]).success);
    }
  });

  it('begins with the learning rate, and stays above 0 and at most there', () => {
    const schedule = create();
    expect(schedule.rate(moments[0]!)).toBe(0.2);
    for (const at of moments) {
      expect(schedule.rate(at)).toBeGreaterThan(0);
      expect(schedule.rate(at)).toBeLessThanOrEqual(0.2);
    }
  });

  it('depends on nothing but the moment', () => {
    const rates = moments.map((at) => create(6).rate(at));
    const schedule = create(6);
    fc.assert(
      fc.property(fc.shuffledSubarray([...moments.keys()]), (order) => {
        for (const update of order) expect(schedule.rate(moments[update]!)).toBe(rates[update]);
      }),
    );
  });

  it('grows to its value in a warm-up', () => {
    const [cold, warm] = [create(), create(6)];
    for (const at of moments) {
      expect(warm.rate(at)).toBe(cold.rate(at) * Math.min(1, (at.update + 1) / 6));
    }
  });

  it('counts what is learned from 0 to 1, and never back where scores are known', () => {
    const shares = moments.map((at) => learnedShare(create(6), run, { update: at.update, history: scores }));
    expect(shares[0]).toBe(0);
    expect(shares.every((share, i) => share > (shares[i - 1] ?? -1))).toBe(true);
    expect(learnedShare(create(6), run, { update: moments.length, history: scores })).toBe(1);
  });
});
