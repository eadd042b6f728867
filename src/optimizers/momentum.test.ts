import { describe, it } from 'vitest';
import { expectToFollow } from '../../test/support/descent.ts';
import { momentum, momentumKind } from './momentum.ts';

describe.each([false, true])('momentum, nesterov %s', (nesterov) => {
  const ruleOf = (decay: number) => () => {
    let v = 0;
    return (w: number, g: number) => {
      v = 0.8 * v + g;
      return w - 0.02 * ((nesterov ? g + 0.8 * v : v) + decay * w);
    };
  };

  it('follows its equations', () => {
    expectToFollow(momentum({ momentum: 0.8, nesterov }), ruleOf(0), 30, { rate: 0.02, scale: 0.5 });
  });

  it('leaves the weight decay out of the velocity', () => {
    const optimizer = momentumKind.create({ momentum: 0.8, nesterov, weightDecay: 0.1 });
    expectToFollow(optimizer, ruleOf(0.1), 30, { rate: 0.02, scale: 0.5 });
  });
});
