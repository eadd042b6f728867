import { describe, expect, it } from 'vitest';
import { begin, descend, evaluated, expectNear, quadratic } from '../../test/support/descent.ts';
import { adam, adamDefaults } from './adam.ts';
import { asgd } from './asgd.ts';
import { sgd } from './sgd.ts';
import { withAverage } from './withAverage.ts';

describe('withAverage', () => {
  it('follows its equation beside weights that go as they would without it', () => {
    const [alone, averaged] = [adam(adamDefaults), withAverage(adam(adamDefaults), 0.8)].map((o) =>
      begin(o, quadratic),
    );
    let average = [...quadratic.start];
    for (let update = 0; update < 60; update++) {
      for (const descent of [alone!, averaged!]) descend(descent, [update, update + 1], { rate: 0.05 });
      const weights = alone!.parameter.weights.data;
      expect(averaged!.parameter.weights.data).toEqual(weights);
      const decay = Math.min(0.8, (1 + update) / (10 + update));
      average = average.map((a, i) => decay * a + (1 - decay) * weights[i]!);
      expectNear(evaluated(averaged!), average);
    }
  });

  it('goes on from where it was when a weight is zero for an update', () => {
    const descent = begin(withAverage(sgd(), 0.999), quadratic);
    descend(descent, [0, 20], { rate: 0.05 });
    const before = evaluated(descent);
    descent.parameter.weights.data.fill(0);
    descend(descent, [20, 21], { rate: 0 });
    const decay = 21 / 30;
    expectNear(
      evaluated(descent),
      before.map((a) => decay * a),
    );
  });

  it('lets an average that the optimizer keeps go first', () => {
    const descent = begin(withAverage(asgd({ nonMonotone: 1 }), 0.9), quadratic);
    descend(descent, [0, 12], { rate: 0.1 });
    expect(descent.optimizer.evaluated?.()).toBe('movingAverage');
    descend(descent, [12, 20], { rate: 0.1 });
    expect(descent.optimizer.evaluated?.()).toBe('average');
  });

  it('is the optimizer itself without a decay', () => {
    const optimizer = sgd();
    expect(withAverage(optimizer, undefined)).toBe(optimizer);
  });
});
