import { describe, expect, it } from 'vitest';
import { largestDifference } from '../../test/support/graphs.ts';
import { zeroSlices } from '../../test/support/models.ts';
import { borderShape, H, logitsOfWindows, stackedStates } from '../../test/support/stackedStates.ts';
import { int64s } from '../graph/attributes.ts';
import { isRecurrent } from '../graph/operators.ts';
import { statesOf } from '../graph/states.ts';
import type { Model, Node } from '../graph/types.ts';
import { traceModel } from '../groups/traceModel.ts';
import { prepareModel } from '../passes/prepareModel.ts';
import { shrinkZeros } from './shrink.ts';

const sizesOf = (model: Model) => model.graph.nodes.filter(isRecurrent).map((n) => n.attributes.hidden_size);

/** Zeroes what reads these units, [layer, unit] by the layers of the prepared model. */
function withDead(model: Model, units: readonly (readonly [number, number])[], resizeState = false): Model {
  const { prepared, groups } = traceModel(model, { resizeState });
  const components = new Set(units.map(([layer, unit]) => groups.layers[layer]!.components[unit]!));
  return { ...prepared, graph: zeroSlices(prepared.graph, groups, components, ['reads']) };
}

describe('shrinking a streaming model', () => {
  it('removes the same units of all layers whose states are stacked', async () => {
    const model = stackedStates({ layers: 2 });
    // Unit 1 is read by nothing in either layer; unit 2 only in one.
    const dead = withDead(model, [
      [0, 1],
      [1, 1],
    ]);
    const { model: slim, layers, resized } = shrinkZeros(dead);
    expect(layers.map((l) => l.after)).toEqual([2, 2]);
    expect(resized).toEqual([
      { name: 'h', before: [2, 'batch', 3], after: [2, 'batch', 2] },
      { name: 'c', before: [2, 'batch', 3], after: [2, 'batch', 2] },
      { name: 'h_next', before: [2, 'batch', 3], after: [2, 'batch', 2] },
      { name: 'c_next', before: [2, 'batch', 3], after: [2, 'batch', 2] },
    ]);
    expect(largestDifference(await logitsOfWindows(slim), await logitsOfWindows(dead))).toBeLessThan(1e-6);
  });

  it('lets each layer lose its own when the shape of the states may change', async () => {
    const dead = withDead(
      stackedStates({ layers: 2, by: 'gather' }),
      [
        [0, 1],
        [1, 0],
        [1, 2],
      ],
      true,
    );
    const { model: slim, layers } = shrinkZeros(dead);
    expect(layers.map((l) => l.after)).toEqual([2, 1]);
    expect(borderShape(slim, 'h')).toEqual([1, 'batch', 3]);
    expect(borderShape(slim, 'c_next')).toEqual([1, 'batch', 3]);
    expect(largestDifference(await logitsOfWindows(slim), await logitsOfWindows(dead))).toBeLessThan(1e-6);
  });

  it('resizes states whose stack something else reads as a whole', async () => {
    const model = stackedStates({ layers: 2 });
    const { graph } = model;
    const whole = graph.nodes.find((n) => n.op === 'Concat')!.outputs[0]!;
    const cast: Node = {
      op: 'Cast',
      domain: '',
      name: 'cast',
      inputs: [whole],
      outputs: ['h_cast'],
      attributes: { to: { type: 'int', value: 1 } },
    };
    const pick: Node = {
      ...cast,
      op: 'Gather',
      name: 'pick',
      inputs: [whole, 'last'],
      outputs: ['last_h'],
      attributes: {},
    };
    const last: Node = {
      ...cast,
      op: 'Constant',
      name: 'last',
      inputs: [],
      outputs: ['last'],
      attributes: { value: { type: 'tensor', value: int64s([], [1]) } },
    };
    const outputs = [
      graph.outputs[0]!,
      { ...graph.outputs[1]!, name: 'h_cast' },
      { name: 'last_h', type: { elementType: 'float32', shape: ['batch', H] } } as const,
      graph.outputs[2]!,
    ];
    const picked: Model = { ...model, graph: { ...graph, nodes: [...graph.nodes, last, cast, pick], outputs } };
    const named = { ...picked, metadata: prepareModel(picked).metadata };
    expect(statesOf(named)).toHaveLength(2);
    const prepared = prepareModel(picked, { resizeState: true });
    expect(largestDifference(await logitsOfWindows(prepared), await logitsOfWindows(named))).toBeLessThan(1e-6);
  });

  it('lets each direction lose its own in the same way', async () => {
    const dead = withDead(
      stackedStates({ layers: 1, bidirectional: true }),
      [
        [0, 0],
        [1, 1],
        [1, 2],
      ],
      true,
    );
    const { model: slim, layers } = shrinkZeros(dead);
    expect(layers.map((l) => l.after)).toEqual([2, 1]);
    expect(sizesOf(slim).map((a) => a?.value)).toEqual([2, 1]);
    expect(largestDifference(await logitsOfWindows(slim), await logitsOfWindows(dead))).toBeLessThan(1e-6);
  });
});
