import { describe, expect, it } from 'vitest';
import { matricesOf, methodConfig, methodFor, UPDATES } from '../../test/support/methods.ts';
import { nothingMoves, plainMatrix } from '../../test/support/plainMatrix.ts';
import type { Settings } from '../base/fields.ts';
import type { Groups } from '../groups/groups.ts';
import { proximal } from './proximal.ts';
import { describeMethod } from './registry.ts';
import { warmed } from './warmed.ts';

/** Shares of λ at updates while it grows for ten of them, and after it. */
const shares = [
  [0, 0.1],
  [4, 0.5],
  [9, 1],
  [10, 1],
  [UPDATES * 3, 1],
] as const;

describe('λ that grows for ten updates', () => {
  it.each<[Settings]>([
    [{}],
    [{ proximal: true }],
    [{ issLayers: [0.5, 2], issScaling: 'sqrt' }],
    [{ setShare: 0.3, density: 0.5 }],
  ])('is so much of itself, with %j', (fields) => {
    const valueAt = (update: number, issWarmup: number) => {
      const { method, model } = methodFor({ iss: 0.01, issWarmup, ...fields });
      return method!.beforeUpdate(matricesOf(model, method!), { update, gradientScale: 1 });
    };
    const whole = valueAt(0, 0);
    expect(whole).toBeGreaterThan(0);
    for (const [update, share] of shares) expect(valueAt(update, 10) / whole).toBeCloseTo(share, 5);
  });

  it('is what the proximal step takes from a norm', () => {
    const components = Int32Array.of(0);
    const groups: Groups = {
      ...{ layers: [{ name: 'layer', operator: 'LSTM', components }], count: 1, entangled: new Map() },
      axes: [{ tensor: 'w', axis: 0, role: 'produces', components }],
    };
    const make = (strengths: Float64Array) => proximal(groups, { lambda: 0.4, threshold: 0, strengths });
    for (const [update, share] of shares) {
      const method = warmed(make, { strengths: Float64Array.of(2), updates: 10 });
      const matrix = plainMatrix('w', [1, 2], Float32Array.of(3, 4));
      method.beforeUpdate([matrix], { update, gradientScale: 1 });
      method.afterUpdate!([matrix], { update, step: 0.5, ...nothingMoves });
      expect(5 - Math.hypot(...matrix.weights)).toBeCloseTo(0.5 * 0.4 * 2 * share, 5);
    }
  });

  it('is told', () => {
    const told = (fields: Settings) => describeMethod(methodConfig({ iss: 0.01, ...fields }).method);
    expect(told({ issWarmup: 10 })).toBe('ISS λ growing to 0.01 in 10 updates');
    expect(told({ issWarmup: 10, proximal: true })).toBe('proximal ISS λ growing to 0.01 in 10 updates');
    expect(told({ issWarmup: 0 })).toBe('ISS λ 0.01');
  });

  it('belongs to a λ that is said, and is not searched for', () => {
    for (const other of [{}, { target: 'units=0.5' }, { setShare: 0.3 }]) {
      expect(() => methodConfig({ issWarmup: 10, ...other })).toThrow('issWarmup needs iss');
    }
    expect(methodConfig({ issWarmup: 0 }).method.kind).toBe('dense');
  });
});
