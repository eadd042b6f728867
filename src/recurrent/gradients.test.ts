import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../../test/support/gradientCheck.ts';
import { graphOver } from '../../test/support/graphs.ts';
import {
  cellVariants,
  directionNames,
  layerGraph,
  recurrentNode,
  type TestLayer,
  tensorsOf,
} from '../../test/support/recurrentLayers.ts';
import type { Value } from '../graph/builder.ts';
import { squeeze } from '../graph/ops.ts';
import { hoistLoops } from '../passes/hoistLoops.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';

/** What the gradient has to pass besides the cell; each cell and direction takes the next two, one of them hoisted. */
const inputs: readonly Partial<TestLayer>[] = [
  { bias: true, states: true },
  { bias: true },
  { bias: true, states: true, lengths: [2, 3] },
  { states: true, layout: 1 },
  { bias: true, lengths: [3, 1], layout: 1 },
];
// A clip has kinks, where finite differences say nothing; its gradient is checked by itself.
const smooth = cellVariants.filter((cell) => cell.attributes?.clip === undefined);
const layers = smooth.flatMap((cell, i) =>
  directionNames.flatMap((direction, j) =>
    [0, 1].map((k) => ({
      ...cell,
      direction,
      time: 3,
      ...inputs[(i + 2 * j + k) % inputs.length]!,
      rewrite: (i + j + k) % 2 === 0 ? { rewrite: hoistLoops } : {},
    })),
  ),
);

describe('gradients of a lowered layer agree with finite differences', () => {
  it.each(layers)(
    '$variant, $direction, bias $bias, states $states, lengths $lengths, layout $layout, $rewrite',
    async (layer) => {
      const graph = lowerRecurrent(layerGraph(layer));
      expect(await wrongGradients(graph, tensorsOf(layer))).toEqual([]);
      expect(await wrongGradients(graph, tensorsOf(layer), { rewrite: hoistLoops })).toEqual([]);
    },
  );

  it.each(smooth)('with free batch and time: $variant', async (cell) => {
    const layer = { ...cell, bias: true, time: 3 };
    const graph = lowerRecurrent(layerGraph(layer, { x: ['time', 'batch', 3] }));
    expect(await wrongGradients(graph, tensorsOf(layer), { rewrite: hoistLoops })).toEqual([]);
  });

  it('when the final state alone is used', async () => {
    const layer: TestLayer = { op: 'GRU', direction: 'bidirectional', time: 3, bias: true, lengths: [2, 3] };
    const graph = lowerRecurrent(layerGraph(layer));
    const seen = [graph.outputs[1]!.name];
    expect(await wrongGradients(graph, tensorsOf(layer), { seen, rewrite: hoistLoops })).toEqual([]);
  });

  it.each(smooth)('when the sequence alone is used: $variant', async (cell) => {
    const layer: TestLayer = { ...cell, direction: 'bidirectional', time: 3, bias: true, lengths: [2, 3] };
    const graph = layerGraph(layer);
    const lowered = lowerRecurrent({ ...graph, outputs: graph.outputs.slice(0, 1) });
    expect(await wrongGradients(lowered, tensorsOf(layer), { rewrite: hoistLoops })).toEqual([]);
  });

  it('through layers on top of each other', async () => {
    const above = tensorsOf({ op: 'GRU', direction: 'reverse', time: 3, bias: true, hidden: 3 });
    const tensors = { ...tensorsOf({ op: 'RNN', time: 3, hidden: 3 }), w2: above.w!, r2: above.r!, b2: above.b! };
    const graph = graphOver(tensors, (v: Record<string, Value>) => {
      const [first] = recurrentNode(v, { op: 'RNN', hidden: 3 });
      const next = { x: squeeze(first!, [1]), w: v.w2!, r: v.r2!, b: v.b2! };
      return recurrentNode(next, {
        op: 'GRU',
        direction: 'reverse',
        hidden: 3,
        attributes: { linear_before_reset: 1 },
      });
    });
    expect(await wrongGradients(lowerRecurrent(graph), tensors, { rewrite: hoistLoops })).toEqual([]);
  });
});
