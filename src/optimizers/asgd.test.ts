import { describe, expect, it } from 'vitest';
import { begin, descend, evaluated, expectNear, expectToFollow, quadratic } from '../../test/support/descent.ts';
import { asgd, asgdKind } from './asgd.ts';

/** Whether averaging begins after each of these scores: it has once an update is averaged. */
function beginsAfter(
  scores: readonly (number | undefined)[],
  nonMonotone: number,
  averageFrom?: number,
): number | undefined {
  const descent = begin(asgd({ nonMonotone, averageFrom }), quadratic);
  for (const [epoch, score] of scores.entries()) {
    descent.optimizer.afterEpoch?.(score, (epoch + 1) / scores.length, scores.length - epoch - 1);
    expect(descent.optimizer.evaluated?.()).toBeUndefined();
    descent.update({ update: epoch, rate: 0 });
    if (descent.optimizer.evaluated?.() !== undefined) return epoch;
  }
  return undefined;
}

describe('the trigger', () => {
  it('begins when a score is worse than the best before the last n', () => {
    expect(beginsAfter([9, 8, 7, 6, 5, 6, 7, 8], 2)).toBe(6);
    expect(beginsAfter([9, 9, 9, 9, 9.1], 1)).toBe(4);
    expect(beginsAfter([1, 2, 3, 4, 5, 6, 7, 8], 5)).toBe(6);
  });

  it('comes at the latest when a share of the epochs is done, with scores or without', () => {
    const falling = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0];
    expect(beginsAfter(falling, 5, 0.6)).toBe(5);
    expect(beginsAfter(falling, 5, 0.55)).toBe(5);
    expect(beginsAfter(falling, 5, 1)).toBe(8);
    expect(beginsAfter([1, 1, 2, 1, 1, 1], 1, 0.9)).toBe(2);
    expect(beginsAfter(Array<undefined>(4).fill(undefined), 5, 0.5)).toBe(1);
    expect(beginsAfter([2, 1], 5, 0.6)).toBe(0);
    // A short run, too, and whoever says nothing of it.
    expect(asgdKind.defaults).toMatchObject({ averageFrom: 0.6 });
  });

  it('does not begin while scores fall, are equal, or are not there', () => {
    expect(beginsAfter([9, 8, 7, 6, 5, 4, 3, 2], 1)).toBeUndefined();
    expect(beginsAfter([1, 1, 1, 1, 1, 1], 2)).toBeUndefined();
    expect(beginsAfter([1, undefined, Number.NaN, Number.POSITIVE_INFINITY, undefined, undefined], 1)).toBeUndefined();
  });
});

describe('the weights', () => {
  it('follow plain gradient descent, before and after the trigger', () => {
    expectToFollow(asgd({ nonMonotone: 1 }), () => (w, g) => w - 0.1 * g, 30, { rate: 0.1, scale: 0.5 });
    const rule = () => (w: number, g: number) => w - 0.1 * (g + 0.2 * w);
    expectToFollow(asgdKind.create({ nonMonotone: 1, weightDecay: 0.2 }), rule, 30, { rate: 0.1, scale: 0.5 });
  });

  // A weight that changes its sign is under the threshold for an update.
  it.each([0, 0.01])('are averaged over all updates since the trigger, zeros included (threshold %d)', (threshold) => {
    const descent = descend(begin(asgd({ nonMonotone: 1 }), quadratic), [0, 12], { rate: 0.1, threshold });
    const sum = quadratic.start.map(() => 0);
    for (let update = 12; update < 40; update++) {
      if (update === 20) descent.parameter.weights.data.fill(0, 0, 3);
      descend(descent, [update, update + 1], { rate: 0.1, threshold });
      for (const i of sum.keys()) sum[i]! += descent.parameter.weights.data[i]!;
      expectNear(
        evaluated(descent),
        sum.map((s) => s / (update - 11)),
      );
    }
  });
});
