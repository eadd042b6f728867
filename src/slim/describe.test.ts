import { describe, expect, it } from 'vitest';
import { statesOf } from '../graph/states.ts';
import { languageModel } from '../models/languageModel.ts';
import { testModel, zeroSlices } from '../sparsity/testModels.ts';
import { traceGroups } from '../sparsity/trace.ts';
import { describeModel } from './describe.ts';

describe('describeModel', () => {
  it.each([
    { hidden: [1500, 1500], parameters: 66_022_000, multiplyAdds: 51_000_000 },
    { hidden: [373, 315], parameters: 21_824_148, multiplyAdds: 6_811_396 },
    { hidden: [381, 535], parameters: 25_190_548, multiplyAdds: 10_176_884 },
  ])('counts the models of the paper: $hidden', ({ hidden, parameters, multiplyAdds }) => {
    const summary = describeModel(languageModel({ vocabulary: 10_000, embedding: 1500, hidden }));
    expect(summary).toMatchObject({ parameters, multiplyAdds, opset: 17, problem: undefined });
    expect(summary.embeddings).toEqual([{ name: 'embedding', rows: 10_000, columns: 1500 }]);
    expect(summary.layers.map((l) => l.units)).toEqual(hidden);
  });

  it('shows layers, directions and what can be removed', () => {
    const model = testModel({
      vocabulary: 6,
      embedding: 4,
      layers: [
        { hidden: 3, direction: 'bidirectional' },
        { hidden: 2, direction: 'forward' },
      ],
    });
    const groups = traceGroups(model.graph, { states: statesOf(model) });
    const graph = zeroSlices(model.graph, groups, new Set([1]), ['reads']);
    const { layers, parameters } = describeModel({ ...model, graph });
    // Both directions of one unit: 2 · (4·4 + 4·3 + 4·3) of their own, 2 · 8 rows read by the next layer.
    const both = { operator: 'LSTM', units: 3, removable: 1, inputSize: 4, groupSize: 96 };
    expect(layers).toEqual([
      { ...both, name: 'lstm_0 (forward)' },
      { ...both, name: 'lstm_0 (reverse)' },
      { name: 'lstm_1', operator: 'LSTM', units: 2, removable: 0, inputSize: 6, groupSize: 24 + 8 + 8 + 6 },
    ]);
    // Of ONNX's two bias vectors one counts.
    expect(parameters).toBe(24 + 2 * (12 * 4 + 12 * 3 + 12) + (8 * 6 + 8 * 2 + 8) + 12 + 6);
  });

  it('describes a model that cannot be traced, and says why', () => {
    const model = testModel({ vocabulary: 6, embedding: 4, layers: [{ hidden: 3, direction: 'forward' }] });
    const nodes = model.graph.nodes.map((n) =>
      n.op === 'LSTM' ? { ...n, attributes: { ...n.attributes, clip: { type: 'float', value: 3 } as const } } : n,
    );
    const summary = describeModel({ ...model, graph: { ...model.graph, nodes } });
    expect(summary.problem).toMatch(/clip/);
    expect(summary.layers).toMatchObject([{ name: 'lstm_0', units: 3, removable: undefined, inputSize: 4 }]);
  });
});
