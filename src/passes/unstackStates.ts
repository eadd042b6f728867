import type { Value } from '../graph/builder.ts';
import { split, squeeze } from '../graph/ops.ts';
import { finishRewrite, producers, removeDeadNodes, renameInputs, startRewrite } from '../graph/rewrite.ts';
import type { Graph, Model, Node, ValueInfo } from '../graph/types.ts';
import { ConcatSinker } from './sinkConcat.ts';
import { asSlice } from './sinkConcatRules.ts';
import { type StackedAxis, stackedAxes } from './states/stackedAxes.ts';
import { stackingConcats } from './states/stackingConcats.ts';

/**
 * The same model with layers side by side where a streaming state stacks them: [L, B, H] becomes [1, B, L·H], and
 * [1, L, H, 2] becomes [1, 1, L·H, 2], so that each layer can lose units of its own. This changes what callers feed and
 * get. Returned as it is when no state does so.
 */
export function unstackStates(model: Model): Model {
  let current = model;
  // A state may stack along several axes, which go one after another.
  for (let left = MOST_AXES; left > 0; left--) {
    const stacked = stackedAxes(current);
    if (stacked.length === 0) break;
    current = unstackAxes(current, stacked);
  }
  return current;
}

const MOST_AXES = 8;

/** One axis of each of these states. */
function unstackAxes(model: Model, stacked: readonly StackedAxis[]): Model {
  const { graph } = model;
  // Inside, the states keep their shapes under other names.
  const inside = (name: string) => `${name}.layers`;
  const names = stacked.flatMap((s) => [s.input, s.output]);
  const before = renamed(graph, new Map(names.map((name) => [name, inside(name)])));
  const states = new Map(stacked.flatMap((s) => [[s.input, s] as const, [s.output, s] as const]));
  const border = {
    inputs: graph.inputs.map((info) => sideBySide(info, states.get(info.name))),
    outputs: graph.outputs.map((info) => sideBySide(info, states.get(info.name))),
  };
  const b = startRewrite({ ...before, ...border }, { opset: model.opsets[''] });
  const wanted = stacked.flatMap((s) => stackingConcats(before, inside(s.output), s.axis));
  const sinker = new ConcatSinker(b, before, { wanted });
  for (const { input, axis, units, layers, size } of stacked) {
    const pieces = split(b.value(input), new Array<number>(layers).fill(size), units);
    sinker.pieces.set(inside(input), { values: pieces.map((piece) => squeeze(piece, [axis])), axis, stacked: true });
  }
  for (const node of before.nodes) sinker.copy(node);
  const made = producers(before.nodes);
  for (const { output, axis, units, layers } of stacked) {
    b.node('Concat', layersOf(sinker, made, inside(output), axis, layers), { axis: units }, [output]);
  }
  for (const { name } of border.outputs) if (!states.has(name)) sinker.whole(name);
  return { ...model, graph: removeDeadNodes(finishRewrite(b, { ...graph, ...border })) };
}

/** An input or output with the layers of a state side by side. */
function sideBySide(info: ValueInfo, state: StackedAxis | undefined): ValueInfo {
  if (state === undefined) return info;
  const shape = info.type.shape?.map((d, i) => {
    if (i === state.axis) return 1;
    return i === state.units ? state.layers * state.size : d;
  });
  return { ...info, type: { ...info.type, shape } };
}

/** The graph with other names for some of its inputs and of the values that it computes. */
function renamed(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const to = (name: string) => names.get(name) ?? name;
  const border = (info: ValueInfo): ValueInfo => ({ ...info, name: to(info.name) });
  const nodes = graph.nodes.map((node): Node => {
    return { ...renameInputs(node, names), outputs: node.outputs.map(to) };
  });
  return { ...graph, inputs: graph.inputs.map(border), outputs: graph.outputs.map(border), nodes };
}

/** The layers that a final state is made of, each with an axis of size 1 for their number. */
function layersOf(
  sinker: ConcatSinker,
  made: ReadonlyMap<string, Node>,
  name: string,
  axis: number,
  layers: number,
): readonly Value[] {
  let at = name;
  while (made.get(at)?.op === 'Identity' && !sinker.pieces.has(at)) at = made.get(at)!.inputs[0]!;
  const pieces = sinker.pieces.get(at);
  if (pieces?.axis === axis && pieces.values.length === layers) {
    return pieces.values.map((piece) => asSlice(pieces, piece));
  }
  return split(sinker.whole(name), new Array<number>(layers).fill(1), axis);
}
