import { describe, expect, it } from 'vitest';
import { sizeOf } from '../graph/dims.ts';
import type { Tensor } from '../graph/types.ts';
import { bidaf } from '../models/bidaf.ts';
import { textClassifier } from '../models/textClassifier.ts';
import { simplify } from '../passes/simplify.ts';
import { withWeightsOf } from './freshWeights.ts';

const texts = { vocabulary: 300, classes: 3, embedding: 40, hidden: [40], pool: 'mean' } as const;
const spelling = { characters: 30, wordLength: 12, characterSize: 8, filters: 40, filterWidth: 5 };
const questions = { ...spelling, trainedWords: 50, wordSize: 40, hidden: [40] };
type Options = { readonly seed: number; readonly keep?: number; readonly hidden?: readonly number[] };
const models = {
  'text classifier': (options: Options) => textClassifier({ ...texts, ...options }),
  BiDAF: (options: Options) => bidaf({ ...questions, ...options }),
};

describe.each(Object.entries(models))('weights of a trained %s', (_, model) => {
  const fresh = model({ keep: 0.5, seed: 2 });
  const trained = model({ seed: 1 });

  it('go into a fresh one that has dropout', () => {
    const started = withWeightsOf(fresh, trained)!;
    expect(started.graph.nodes).toBe(fresh.graph.nodes);
    for (const [name, { data }] of trained.graph.initializers) {
      expect(started.graph.initializers.get(name)!.data).toEqual(data);
    }
  });

  it.each([
    ['zero, and may have left', 0],
    ['not what they were at first', 0.5],
  ])('go into a fresh one of a simplified one whose biases are %s', (_, value) => {
    const initializers = new Map(
      [...trained.graph.initializers].map(([name, weight]): [string, Tensor] => {
        const data = new Float32Array(sizeOf(weight.dims)).fill(value);
        return [name, name.endsWith('bias') ? { ...weight, data } : weight];
      }),
    );
    const small = simplify({ ...trained, graph: { ...trained.graph, initializers } });
    const started = withWeightsOf(fresh, small)!;
    expect(started.graph.nodes).toBe(fresh.graph.nodes);
    for (const [name, { data }] of initializers) expect(started.graph.initializers.get(name)!.data).toEqual(data);
  });

  it('of other sizes do not fit', () => {
    expect(withWeightsOf(fresh, model({ seed: 1, hidden: [39] }))).toBeUndefined();
  });
});

it('a BiDAF whose bias of the similarity has left is among these', () => {
  const { graph } = simplify(models.BiDAF({ seed: 1 }));
  expect(graph.initializers.has('attention.bias')).toBe(false);
});
