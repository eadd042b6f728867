import { describe, expect, it } from 'vitest';
import { either, runGraph } from '../../../test/support/graphs.ts';
import { zeroSlices } from '../../../test/support/models.ts';
import { HIDDEN, type Make, modelWith, tensor } from '../../../test/support/traceCheck.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import {
  add,
  apply,
  cast,
  gather,
  greater,
  identity,
  matmul,
  mul,
  reduceMean,
  reduceSum,
  reshape,
  slice,
  squeeze,
  tanh,
  transpose,
} from '../../graph/ops.ts';
import type { Model } from '../../graph/types.ts';
import { shrink } from '../../slim/shrink.ts';
import { liveComponents, weightsOf } from '../measure.ts';
import { traceGroups } from '../trace.ts';

/* Units that go through branches, and units whose way a rule would lose (`accounted.ts`). */

/** A condition that comes from outside. */
const condition = (h: Value) => h.builder.input('condition', 'bool', []);
/** [B, H] of the last step. */
const last = ({ h, b }: Parameters<Make>[0]) => squeeze(gather(h, b.ints([-1])), [0]);
/** The units with their first axis dropped in one branch only, as PyTorch's `squeeze` does. */
const squeezed = (m: Parameters<Make>[0]) => {
  const x = last(m);
  return either(condition(m.h), [(b) => b.node('Squeeze', [x, b.ints([0])]), () => identity(x)], 'squeeze')[0]!;
};

const followed: Readonly<Record<string, Make>> = {
  'branches of other ranks before a product': (m) => matmul(squeezed(m), m.parameter(HIDDEN, 2)),
  'branches of other ranks with functions and biases': (m) =>
    matmul(tanh(add(squeezed(m), m.parameter(HIDDEN))), m.parameter(HIDDEN, 2)),
  'a branch that takes the units and one that takes zeros': (m) =>
    matmul(either(condition(m.h), [() => identity(m.h), () => mul(m.h, 0)])[0]!, m.parameter(HIDDEN, 2)),
  'weights that a branch chooses': ({ h, parameter }) => {
    const [first, second] = [parameter(HIDDEN, 2), parameter(HIDDEN, 2)];
    return matmul(h, either(condition(h), [() => identity(first), () => identity(second)])[0]!);
  },
  'a reader in one branch': ({ h, parameter }) => {
    const [w, v] = [parameter(HIDDEN, 2), parameter(3, 2)];
    const other = h.builder.input('other', 'float32', ['time', 'batch', 3]);
    return either(condition(h), [() => matmul(h, w), () => matmul(other, v)]);
  },
};

/** Feeds for each branch; batches of one, which Squeeze wants. */
function feedsOf(model: Model) {
  return [0, 1].map((taken) =>
    Object.fromEntries(
      model.graph.inputs.map(({ name, type }) => {
        const dims = type.shape!.map((d) => (d === 'time' ? 3 : typeof d === 'string' ? 1 : d));
        if (type.elementType === 'bool') {
          return [name, { elementType: 'bool', dims, data: Uint8Array.of(taken) } as const];
        }
        return [name, tensor(dims)];
      }),
    ),
  );
}

describe('units that go through branches', () => {
  it.each(Object.entries(followed))('%s', async (_, make) => {
    const model = modelWith(make, 17);
    const groups = traceGroups(model.graph);
    const units = [...groups.layers[0]!.components];
    expect(units).not.toContain(-1);
    const silent = new Set([units[1]!, units[3]!]);
    const sparse = { ...model, graph: zeroSlices(model.graph, groups, silent, ['reads']) };
    const live = liveComponents(groups, weightsOf(sparse.graph));
    expect(units.map((k) => live[k])).toEqual([1, 0, 1, 0]);
    const slim = shrink(sparse, groups, (k) => silent.has(k));
    for (const feeds of feedsOf(model)) {
      const [before, after] = [await runGraph(sparse.graph, feeds), await runGraph(slim.graph, feeds)];
      for (const [name, { data }] of Object.entries(before)) {
        const got = Array.from(after[name]!.data as Float32Array);
        Array.from(data as Float32Array).forEach((value, i) => {
          expect(got[i]).toBeCloseTo(value, 5);
        });
      }
    }
  });

  it('say what one branch reads and the other does not', () => {
    const model = modelWith((m) => reduceSum(squeezed(m), [-1]), 17);
    const groups = traceGroups(model.graph);
    expect([...liveComponents(groups, weightsOf(model.graph))]).toEqual([1, 1, 1, 1]);
  });
});

const blocked: Readonly<Record<string, readonly [Make, RegExp]>> = {
  'units along other axes in each branch': [
    ({ h }) => either(condition(h), [() => identity(h), () => transpose(h, [0, 2, 1])], 'choose'),
    /through If 'choose': its branches carry units along different axes/,
  ],
  'units of unknown rank before what must know more': [
    (m) => apply('Softmax', [squeezed(m)], { axis: 0 }),
    /through Softmax.*of If 'squeeze', whose branches give them different numbers of axes/,
  ],
  'bounds that come from units': [
    (m) =>
      slice(m.b.input('data', 'float32', [9]), [0], [1], [0]).builder.node('Slice', [
        m.b.value('data'),
        ...[0, 1].map((i) => cast(reshape(slice(last(m), [0, i], [1, i + 1], [0, 1]), [1]), 'int64')),
        m.b.ints([0]),
      ]),
    /Slice/,
  ],
  'indices that come from units': [
    (m) => gather(m.parameter(9, 2), cast(last(m), 'int64')),
    /through Gather.*what it does with them is not known/,
  ],
  'a body of an unknown operator': [
    (m) => {
      const body = new GraphBuilder('body', m.b);
      body.output(tanh(m.h));
      const attributes = { body: { type: 'graph', value: body.build() } } as const;
      m.b.addNode({ op: 'Repeat', domain: 'com.example', name: 'repeat', inputs: [], outputs: ['y'], attributes });
      return m.b.value('y');
    },
    /through com.example.Repeat 'repeat'/,
  ],
};

describe('units that nobody can follow', () => {
  it.each(Object.entries(blocked))('%s', (_, [make, message]) => {
    expect(() => traceGroups(modelWith(make, 17).graph)).toThrow(message);
  });

  it('stay where a condition depends on them', () => {
    const make: Make = (m) => {
      const flag = greater(slice(reduceMean(m.h, [0, 1]), [1], [2], [0]), 0);
      const other = m.b.input('other', 'float32', [2]);
      return either(flag, [() => identity(other), () => mul(other, 2)]);
    };
    const { layers } = traceGroups(modelWith(make, 17).graph);
    expect(layers[0]!.components[1]).toBe(-1);
  });
});
