import { describe, expect, it } from 'vitest';
import { testModel, zeroSlices } from '../../test/support/models.ts';
import { statesOf } from '../graph/states.ts';
import type { Graph, Model, Tensor } from '../graph/types.ts';
import { languageModel } from '../models/languageModel.ts';
import type { Groups } from './groups.ts';
import { drivenByBias, groupNorms, groupSizes, liveComponents, removableByLayer, weightsOf } from './measure.ts';
import { traceGroups } from './trace.ts';

const trace = (model: Model) => traceGroups(model.graph, { states: statesOf(model) });
const live = (groups: Groups, graph: Graph) => [...liveComponents(groups, weightsOf(graph))];

describe('groups of the paper, two layers of 1500 and 10 000 words', () => {
  const model = languageModel({ vocabulary: 10_000, embedding: 1500, hidden: [1500, 1500] });
  const groups = trace(model);

  it('have 24 000 and 28 000 weights', () => {
    expect(groups.count).toBe(3000);
    const sizes = groupSizes(groups, model.graph);
    expect(new Set(sizes.subarray(0, 1500))).toEqual(new Set([24_000]));
    expect(new Set(sizes.subarray(1500))).toEqual(new Set([28_000]));
  });

  it('are all alive when dense, all dead when nothing reads them', () => {
    expect(new Set(live(groups, model.graph))).toEqual(new Set([1]));
    const head = model.graph.initializers.get('head.weight')!;
    const silent = new Map(model.graph.initializers).set('head.weight', {
      ...head,
      data: new Float32Array(15_000_000),
    });
    expect(new Set(live(groups, { ...model.graph, initializers: silent }))).toEqual(new Set([0]));
  });
});

describe('liveComponents', () => {
  const model = testModel({
    vocabulary: 6,
    embedding: 4,
    layers: [
      { hidden: 3, direction: 'forward' },
      { hidden: 4, direction: 'reverse' },
    ],
  });
  const groups = trace(model);

  it('drops units that nothing reads', () => {
    const graph = zeroSlices(model.graph, groups, new Set([1, 5]), ['reads']);
    expect(live(groups, graph)).toEqual([1, 0, 1, 1, 1, 0, 1]);
    expect(removableByLayer(groups, liveComponents(groups, weightsOf(graph)))).toEqual([
      { name: 'lstm_0', units: 3, removable: 1 },
      { name: 'lstm_1', units: 4, removable: 1 },
    ]);
  });

  it('keeps units whose producers are zero: their biases still drive them', () => {
    const graph = zeroSlices(model.graph, groups, new Set([1, 5]), ['produces']);
    expect(live(groups, graph)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  it('drops units that read only themselves and each other', () => {
    const mutual = new Set([3, 4]);
    const recurrent = model.graph.initializers.get('lstm_1.recurrent')!;
    const silent = zeroSlices(model.graph, groups, mutual, ['reads']);
    const data = Float32Array.from(silent.initializers.get('lstm_1.recurrent')!.data as Float32Array);
    // Row 0 of gate i belongs to unit 0 of the layer, component 3; it reads unit 1, component 4, and itself.
    data[0] = 1;
    data[1] = 1;
    const graph = {
      ...silent,
      initializers: new Map(silent.initializers).set('lstm_1.recurrent', { ...recurrent, data }),
    };
    expect(live(groups, graph)).toEqual([1, 1, 1, 0, 0, 1, 1]);
  });

  it('drops a lower layer that only dead units of the upper one read', () => {
    const upper = new Set([3, 4, 5, 6]);
    expect(live(groups, zeroSlices(model.graph, groups, upper, ['reads']))).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });

  it('wakes a unit for a single weight', () => {
    const graph = zeroSlices(model.graph, groups, new Set([3]), ['reads']);
    const head = graph.initializers.get('head.weight')!;
    const data = Float32Array.from(head.data as Float32Array);
    data[5] = 1e-30;
    const initializers = new Map(graph.initializers).set('head.weight', { ...head, data });
    expect(live(groups, graph)).toEqual([1, 1, 1, 0, 1, 1, 1]);
    expect(live(groups, { ...graph, initializers })).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  it('takes everything to be read where the weights are not given', () => {
    expect([...liveComponents(groups, () => undefined)]).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  it('refuses weights of another size', () => {
    const wrong = (): Tensor => ({ elementType: 'float32', dims: [1, 2, 2], data: new Float32Array(4) });
    expect(() => liveComponents(groups, wrong)).toThrow(/has dimensions \[1,2,2\].*trace the groups/);
  });
});

describe('drivenByBias', () => {
  it('finds living units without producing weights', () => {
    const model = testModel({ vocabulary: 6, embedding: 4, layers: [{ hidden: 3, direction: 'forward' }] });
    const groups = trace(model);
    const driven = (roles: readonly string[]) => {
      const weights = weightsOf(zeroSlices(model.graph, groups, new Set([1]), roles));
      return [...drivenByBias(groups, weights, liveComponents(groups, weights))];
    };
    expect(driven(['produces'])).toEqual([0, 1, 0]);
    expect(driven(['produces', 'bias'])).toEqual([0, 1, 0]);
    expect(driven(['produces', 'reads'])).toEqual([0, 0, 0]);
    expect(driven(['reads'])).toEqual([0, 0, 0]);
  });
});

describe('weights of 16 bits', () => {
  it('are measured by their values, minus zero as zero', () => {
    const groups: Groups = {
      layers: [{ name: 'layer', operator: 'LSTM', components: Int32Array.of(0, 1) }],
      count: 2,
      axes: [{ tensor: 'w', axis: 0, role: 'reads', components: Int32Array.of(0, 1) }],
      entangled: new Map(),
    };
    const w: Tensor = { elementType: 'float16', dims: [2, 2], data: Uint16Array.of(0xc000, 0x4000, 0x8000, 0) };
    expect([...liveComponents(groups, () => w)]).toEqual([1, 0]);
    expect([...groupNorms(groups, () => w)]).toEqual([Math.sqrt(8), 0]);
  });
});

describe('groupNorms', () => {
  it('is the root of the sum of squares over the group, the own recurrent weights twice', () => {
    const model = testModel({ vocabulary: 2, embedding: 2, layers: [{ hidden: 2, direction: 'forward' }] });
    const ones = new Map(
      [...model.graph.initializers].map(([name, t]) => [name, { ...t, data: new Float32Array(t.data.length).fill(1) }]),
    );
    const graph = { ...model.graph, initializers: ones };
    const groups = trace({ ...model, graph });
    const sizes = groupSizes(groups, graph);
    expect([...sizes]).toEqual([8 + 8 + 8 + 2, 8 + 8 + 8 + 2]);
    expect([...groupNorms(groups, weightsOf(graph))]).toEqual([...sizes].map(Math.sqrt));
  });
});
