import { describe, expect, it } from 'vitest';
import { languageModel } from '../models/languageModel.ts';
import { rhnLanguageModel } from '../models/rhnLanguageModel.ts';
import { costsOf, splitParameters } from './costs.ts';

describe('splitParameters', () => {
  it('splits a stacked language model', () => {
    const model = languageModel({ vocabulary: 7, embedding: 4, hidden: [3, 2] });
    const split = splitParameters(model.graph);
    expect(split.embedding.stored).toBe(7 * 4);
    expect(split.recurrent.stored).toBe(4 * 3 * (4 + 3 + 1) + 4 * 2 * (3 + 2 + 1));
    expect(split.output.stored).toBe(2 * 7 + 7);
    const total = Object.values(split).reduce((sum, { stored }) => sum + stored, 0);
    expect(total).toBe(costsOf(model).parameters);
  });

  it('counts a tied embedding once, as embedding, and what a loop reads as recurrent', () => {
    const [w, V, D] = [3, 7, 2];
    const model = rhnLanguageModel({ vocabulary: V, width: w, depth: D });
    const split = splitParameters(model.graph);
    expect(split.embedding.stored).toBe(V * w);
    expect(split.recurrent.stored).toBe(2 * w * w * (D + 1) + 2 * w * D);
    expect(split.output.stored).toBe(V);
  });

  it('counts what is not zero', () => {
    const model = languageModel({ vocabulary: 7, embedding: 4, hidden: [3] });
    const head = model.graph.initializers.get('head.weight')!;
    const before = splitParameters(model.graph).output.nonzero;
    (head.data as Float32Array).fill(0, 0, 5);
    expect(splitParameters(model.graph).output.nonzero).toBe(before - 5);
  });
});
