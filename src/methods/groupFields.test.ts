import { describe, expect, it } from 'vitest';
import { firstFor, methodConfig, methodFor, modelFor, penaltyOf, sizes } from '../../test/support/methods.ts';
import { UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import { EPSILON } from './components.ts';
import { checkMethod } from './registry.ts';

describe('strengths', () => {
  /** ‖w_k‖ of both layers' units, summed by layer, element by element. */
  const normSums = (() => {
    const { model } = methodFor({ iss: 1 });
    const at = (name: string) => model.graph.initializers.get(name)!;
    const squares = (name: string, isIn: (row: number, col: number) => boolean) => {
      const { dims, data } = at(name);
      const cols = dims[dims.length - 1]!;
      return (data as Float32Array).reduce((s, w, i) => s + (isIn(Math.floor(i / cols), i % cols) ? w * w : 0), 0);
    };
    const readers = ['lstm_1.weight', 'head.weight'];
    return sizes.hidden.map((hidden, layer) => {
      let sum = 0;
      for (let k = 0; k < hidden; k++) {
        const made = (row: number) => row % hidden === k;
        const reader = readers[layer]!;
        const total =
          squares(`lstm_${layer}.weight`, made) +
          squares(`lstm_${layer}.recurrent`, made) +
          squares(`lstm_${layer}.recurrent`, (_, col) => col === k) +
          squares(reader, (row, col) => (layer === 0 ? col : row) === k);
        sum += Math.sqrt(EPSILON + total);
      }
      return sum;
    }) as [number, number];
  })();
  // Rows of weight and recurrent, a column of recurrent, and what reads the unit.
  const groupSize = [4 * 5 + 4 * 4 + 16 + 12, 4 * 4 + 4 * 3 + 12 + 9] as const;

  it.each<[Settings & { readonly issLayers?: readonly number[] }, readonly [number, number]]>([
    [{}, [1, 1]],
    [{ issLayers: [2, 0.5] }, [2, 0.5]],
    [{ issLayers: [0, 1] }, [0, 1]],
    [{ issScaling: 'sqrt' }, [Math.sqrt(groupSize[0]), Math.sqrt(groupSize[1])]],
    [{ issScaling: 'sqrt', issLayers: [3, 1] }, [3 * Math.sqrt(groupSize[0]), Math.sqrt(groupSize[1])]],
  ])('%j multiply λ', (fields, factors) => {
    const [a, b] = normSums;
    const expected = 0.01 * (factors[0] * a + factors[1] * b);
    for (const method of [{}, { proximal: true }]) {
      expect(penaltyOf(methodFor({ iss: 0.01, ...fields, ...method }))).toBeCloseTo(expected, 5);
    }
    if (fields.issLayers?.includes(0)) return;
    // The search begins with λ as it is given.
    expect(penaltyOf(methodFor({ iss: 0.01, target: 'units=0.5', ...fields }))).toBeCloseTo(expected, 5);
  });

  it('stay those of the first model when units have left', () => {
    const fields = { iss: 0.01, issScaling: 'sqrt' };
    const { config, first } = methodFor(fields);
    const smaller = modelFor({ ...config, model: { ...config.model, hidden: [2, 2] } });
    const [value, unscaled] = [fields, { iss: 0.01 }].map((f) => penaltyOf(methodFor(f, smaller, first)));
    expect(value! / unscaled!).toBeGreaterThan(Math.sqrt(groupSize[1]) - 1e-4);
    expect(value! / unscaled!).toBeLessThan(Math.sqrt(groupSize[0]) + 1e-4);
  });

  it.each<[Settings, string | undefined]>([
    [{ issLayers: [1] }, '--iss-layers must have a factor for each of the 2 layers, got 1'],
    [{ issLayers: [1, 1, 1] }, '--iss-layers must have a factor for each of the 2 layers, got 3'],
    [
      { issLayers: [1, 1, 1, 1], issEmbedding: true },
      '--iss-layers must have a factor for each of the 2 layers, and may have one for the embedding, got 4',
    ],
    [{ issLayers: [1, 1, 1], issEmbedding: true }, undefined],
    [{ issLayers: [1, 1], issEmbedding: true }, undefined],
  ])('%j are one for each layer', (fields, message) => {
    for (const method of [{ iss: 0.1 }, { iss: 0.1, proximal: true }, { target: 'params=0.6' }]) {
      const config = methodConfig({ ...method, ...fields });
      const check = () => checkMethod(config.method, firstFor(config, modelFor(config)));
      if (message === undefined) expect(check).not.toThrow();
      else {
        expect(check).toThrow(message);
        expect(check).toThrow(UsageError);
      }
    }
  });
});
