import { describe, expect, it } from 'vitest';
import { zeroSlices } from '../../test/support/models.ts';
import { statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { traceGroups } from '../groups/trace.ts';
import { languageModel } from '../models/languageModel.ts';
import { rhnLanguageModel } from '../models/rhnLanguageModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { roundingOf } from '../verify/rounding.ts';
import { verifyEqual } from '../verify/verify.ts';
import { shrinkZeros } from './shrink.ts';

const EMBEDDING = 6;
const columns = (model: Model) => model.graph.initializers.get('embedding')!.dims[1];

describe('columns of an embedding as components of their own', () => {
  const model = languageModel({ vocabulary: 9, embedding: EMBEDDING, hidden: [4, 3], initScale: 0.5 });
  const groups = traceGroups(model.graph, { states: statesOf(model), embeddings: true });
  const own = groups.layers.find((l) => l.operator === 'Gather')!.components;
  const without = (which: readonly number[], roles: readonly string[]): Model => {
    const chosen = new Set(which.map((i) => own[i]!));
    return { ...model, graph: zeroSlices(model.graph, groups, chosen, roles) };
  };

  it.each([
    ['all of whose weights are zero', ['produces', 'reads']],
    ['that nothing reads', ['reads']],
  ])('leave without loss: those %s', async (_, roles) => {
    const sparse = without([0, 3, 4], roles);
    const slim = shrinkZeros(sparse, { embeddings: true });
    expect(columns(slim.model)).toBe(EMBEDDING - 3);
    expect(slim.model.graph.initializers.get('lstm_0.weight')!.dims).toEqual([1, 16, EMBEDDING - 3]);
    const difference = await verifyEqual(nodeRuntime, sparse, slim.model, { removal: slim });
    expect(difference.maxRelativeDifference).toBeLessThan(roundingOf(model));
    // The columns that went are not the model: another three would have changed it.
    const wrong = shrinkZeros(without([1, 2, 5], roles), { embeddings: true });
    const other = await verifyEqual(nodeRuntime, sparse, wrong.model, { removal: wrong });
    expect(other.maxRelativeDifference).toBeGreaterThan(1e-3);
  });

  it('stay where nobody asks for them', () => {
    expect(columns(shrinkZeros(without([0, 3, 4], ['produces', 'reads'])).model)).toBe(EMBEDDING);
  });
});

it('columns of a tied embedding leave with their unit, without loss', async () => {
  const model = rhnLanguageModel({ vocabulary: 9, width: EMBEDDING, depth: 2, initScale: 0.5 });
  const groups = traceGroups(model.graph, { states: statesOf(model) });
  const chosen = new Set([1, 4].map((i) => groups.layers[0]!.components[i]!));
  const sparse = { ...model, graph: zeroSlices(model.graph, groups, chosen, ['produces', 'reads']) };
  const slim = shrinkZeros(sparse);
  expect(columns(slim.model)).toBe(EMBEDDING - 2);
  const difference = await verifyEqual(nodeRuntime, sparse, slim.model, { removal: slim });
  expect(difference.maxRelativeDifference).toBeLessThan(roundingOf(model));
});
