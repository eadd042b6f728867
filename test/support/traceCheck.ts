import { expect } from 'vitest';
import { randomStream, uniform } from '../../src/base/random.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { sizeOf } from '../../src/graph/dims.ts';
import { modelOf } from '../../src/graph/model.ts';
import { squeeze } from '../../src/graph/ops.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { liveComponents, weightsOf } from '../../src/groups/measure.ts';
import { traceGroups } from '../../src/groups/trace.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { layerSizes, shrink } from '../../src/slim/shrink.ts';
import { assertEqual, verifyEqual } from '../../src/verify/verify.ts';
import { zeroSlices } from './models.ts';

/*
 * For tests: a rule of the trace in one small graph. Units of a layer go through the operator to a reader. Units that
 * nothing reads are removed, and ONNX Runtime says whether the outputs stay equal; then any unit is removed, and the
 * model must still run.
 */

/** Units of the layer. */
export const HIDDEN = 4;
const random = randomStream(5);
/** Random weights. */
export const tensor = (dims: readonly number[]): Tensor => {
  return { elementType: 'float32', dims, data: uniform(sizeOf(dims), 0.7, random) };
};

/** What a graph is made with. */
export interface Maker {
  readonly b: GraphBuilder;
  /** Units of the layer, [time, batch, HIDDEN]. */
  readonly h: Value;
  parameter(...dims: number[]): Value;
  /** Data from outside. */
  input(...dims: (number | string)[]): Value;
  /** A new layer over x [time, batch, inputs], [time, batch, hidden]. */
  layer(x: Value, inputs: number, hidden?: number): Value;
}

/** What the layer's units go through. */
export type Make = (m: Maker) => Value | readonly Value[];

/** A model with a layer over data, and what is made of it. */
export function modelWith(make: Make, opset: number): Model {
  const b = new GraphBuilder('g');
  const parameter = (...dims: number[]) => b.parameter(b.fresh('w'), tensor(dims));
  const input = (...dims: (number | string)[]) => b.input(b.fresh('x'), 'float32', dims);
  const layer = (x: Value, inputs: number, hidden = HIDDEN) => {
    const weights = [parameter(1, 4 * hidden, inputs), parameter(1, 4 * hidden, hidden)];
    return squeeze(b.node('LSTM', [x, ...weights], { hidden_size: hidden })[0]!, [1]);
  };
  const h = layer(input('time', 'batch', 3), 3);
  for (const value of [make({ b, h, parameter, input, layer })].flat()) b.output(value);
  const model = modelOf(b.build());
  return { ...model, opsets: { '': opset } };
}

/** Removes what nothing reads, then something that is read. */
export async function checkUnits(make: Make, { opset = 17, entangled = false } = {}): Promise<void> {
  const model = modelWith(make, opset);
  const groups = traceGroups(model.graph);
  const all = [...new Set(groups.layers.flatMap((l) => [...l.components]))];
  expect(all.length).toBeGreaterThan(1);
  expect(all).not.toContain(-1);
  expect(groups.entangled.size > 0).toBe(entangled);
  const silent = new Set([all[1]!, all[all.length - 1]!]);
  const sparse = { ...model, graph: zeroSlices(model.graph, groups, silent, ['reads']) };
  const live = liveComponents(groups, weightsOf(sparse.graph));
  expect(all.filter((k) => live[k] === 0)).toEqual(entangled ? [] : [...silent].sort((a, b) => a - b));
  for (const gone of entangled ? [new Set([all[0]!])] : [silent, new Set([all[0]!])]) {
    const slim = shrink(sparse, groups, (k) => gone.has(k));
    const sizes = layerSizes(groups, (k) => gone.has(k))
      .filter((_, i) => groups.layers[i]!.operator === 'LSTM')
      .map((l) => l.after);
    const nodes = slim.graph.nodes.filter((n) => n.op === 'LSTM');
    expect(nodes.map((n) => n.attributes.hidden_size)).toEqual(sizes.map((value) => ({ type: 'int', value })));
    if (gone === silent) await assertEqual(nodeRuntime, sparse, slim);
    else await verifyEqual(nodeRuntime, sparse, slim);
  }
}
