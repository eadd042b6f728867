import { describe, expect, it } from 'vitest';
import { testModel, zeroSlices } from '../../test/support/models.ts';
import type { Node } from '../graph/types.ts';
import { traceModel } from '../groups/traceModel.ts';
import { languageModel } from '../models/languageModel.ts';
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
    const { prepared, groups } = traceModel(model);
    const sparse = { ...prepared, graph: zeroSlices(prepared.graph, groups, new Set([1]), ['reads']) };
    const { layers, parameters } = describeModel(sparse);
    // The states [2, batch, 3] tie both directions of a unit: 2 · (4·4 + 4·3 + 4·3) weights of their own, 2 · 8 rows read.
    const one = { operator: 'LSTM', units: 3, removable: 1, fixed: 0, inputSize: 4, groupSize: 96, lossy: [] };
    expect(layers).toMatchObject([
      { ...one, name: 'lstm_0 (forward)' },
      { ...one, name: 'lstm_0 (reverse)' },
      { name: 'lstm_1', operator: 'LSTM', units: 2, removable: 0, inputSize: 6, groupSize: 24 + 8 + 8 + 6 },
    ]);
    // Of ONNX's two bias vectors one counts.
    expect(parameters).toBe(24 + 2 * (12 * 4 + 12 * 3 + 12) + (8 * 6 + 8 * 2 + 8) + 12 + 6);
  });

  it('describes a model that cannot be traced, and says why', () => {
    const model = testModel({ vocabulary: 6, embedding: 4, layers: [{ hidden: 3, direction: 'forward' }] });
    const activations = { type: 'strings', value: ['Sigmoid', 'Tanh', 'Tahn'] } as const;
    const nodes = model.graph.nodes.map((n) =>
      n.op === 'LSTM' ? { ...n, attributes: { ...n.attributes, activations } } : n,
    );
    const summary = describeModel({ ...model, graph: { ...model.graph, nodes } });
    expect(summary.problem).toMatch(/Tahn/);
    expect(summary.layers).toMatchObject([{ name: 'lstm_0', units: 3, removable: undefined, inputSize: 4 }]);
  });

  it('tells what keeps units from leaving, and how their norms are distributed', () => {
    const model = testModel({ vocabulary: 6, embedding: 4, layers: [{ hidden: 5, direction: 'forward' }] });
    const { groups } = traceModel(model);
    const graph = zeroSlices(model.graph, groups, new Set([1, 3]), ['produces']);
    const [layer] = describeModel({ ...model, graph }).layers;
    expect(layer!.lossy).toEqual([{ reason: expect.stringContaining('only biases drive them'), units: 2 }]);
    expect(layer).toMatchObject({ removable: 0, norms: { zeros: 0 } });
    const silent = zeroSlices(graph, groups, new Set([1, 3]), ['reads']);
    expect(describeModel({ ...model, graph: silent }).layers[0]).toMatchObject({
      removable: 2,
      lossy: [],
      norms: { min: 0, zeros: 2 },
    });
    expect(describeModel(model, { fix: ['lstm_0'] }).layers[0]).toMatchObject({ removable: 0, fixed: 5 });
  });

  it('lists the members of groups when asked', () => {
    const model = testModel({ vocabulary: 6, embedding: 4, layers: [{ hidden: 3, direction: 'forward' }] });
    expect(describeModel(model)).not.toHaveProperty('groups');
    const { groups } = describeModel(model, { groups: true });
    expect(groups).toHaveLength(3);
    expect(groups![1]).toMatchObject({ component: 1, units: [{ layer: 'lstm_0', unit: 1 }], removable: false });
    const members = groups![1]!.members.map((m) => `${m.role} ${m.tensor}[${m.axis}] ${m.indices}`);
    expect(members.sort()).toEqual(
      [
        'bias lstm_0.bias[1] 1,4,7,10,13,16,19,22',
        'produces lstm_0.c[2] 1',
        'produces lstm_0.h[2] 1',
        'produces lstm_0.recurrent[1] 1,4,7,10',
        'produces lstm_0.weight[1] 1,4,7,10',
        'reads head.weight[0] 1',
        'reads lstm_0.recurrent[2] 1',
      ].sort(),
    );
  });

  it('shows which layer an unknown operator blocks, and describes the others', () => {
    const model = testModel({
      vocabulary: 6,
      embedding: 4,
      layers: [
        { hidden: 5, direction: 'forward' },
        { hidden: 3, direction: 'forward' },
      ],
    });
    const nodes = model.graph.nodes.flatMap((n): Node[] => {
      if (n.op !== 'LSTM' || n.name !== 'lstm_1') return [n];
      const mystery = { op: 'Mystery', domain: 'com.example', name: 'what', attributes: {} };
      const [x, ...rest] = n.inputs;
      return [
        { ...mystery, inputs: [x!], outputs: ['mystery'] },
        { ...n, inputs: ['mystery', ...rest] },
      ];
    });
    const summary = describeModel({ ...model, graph: { ...model.graph, nodes } });
    expect(summary.problem).toBeUndefined();
    expect(summary.layers).toMatchObject([
      { name: 'lstm_0', units: 5, fixed: 5, removable: 0, blocked: expect.stringContaining('Mystery') },
      { name: 'lstm_1', units: 3, blocked: undefined },
    ]);
  });
});
