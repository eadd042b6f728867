import { intAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { split, squeeze } from '../graph/ops.ts';
import { finishRewrite, producers, removeDeadNodes, renameInputs, startRewrite } from '../graph/rewrite.ts';
import { statesOf } from '../graph/states.ts';
import type { Graph, Model, Node, ValueInfo } from '../graph/types.ts';
import { ConcatSinker } from './sinkConcat.ts';
import { asSlice } from './sinkConcatRules.ts';

/**
 * The same model with every streaming state [L, B, H] that stacks L layers as [1, B, L·H], so that each layer can lose
 * units of its own. This changes what callers feed and get. Returned as it is when no state does so.
 */
export function unstackStates(model: Model): Model {
  const { graph } = model;
  const stacked = statesOf(model).flatMap(({ input, output }) => {
    const shape = graph.inputs.find((v) => v.name === input)?.type.shape;
    const [layers, , units] = shape ?? [];
    if (shape?.length !== 3 || typeof layers !== 'number' || layers < 2 || typeof units !== 'number') return [];
    return [{ input, output, layers, units }];
  });
  if (stacked.length === 0) return model;
  // Inside, the states keep their shapes under other names.
  const inside = (name: string) => `${name}.layers`;
  const names = stacked.flatMap((s) => [s.input, s.output]);
  const before = renamed(graph, new Map(names.map((name) => [name, inside(name)])));
  const sizes = new Map(stacked.flatMap((s) => [[s.input, s] as const, [s.output, s] as const]));
  const flat = (info: ValueInfo): ValueInfo => {
    const size = sizes.get(info.name);
    const batch = info.type.shape?.[1];
    if (size === undefined || batch === undefined) return info;
    return { ...info, type: { ...info.type, shape: [1, batch, size.layers * size.units] } };
  };
  const border = { inputs: graph.inputs.map(flat), outputs: graph.outputs.map(flat) };
  const b = startRewrite({ ...before, ...border }, { opset: model.opsets[''] });
  const sinker = new ConcatSinker(b, before);
  for (const { input, layers, units } of stacked) {
    const pieces = split(b.value(input), new Array<number>(layers).fill(units), 2);
    sinker.pieces.set(inside(input), { values: pieces.map((piece) => squeeze(piece, [0])), axis: 0, stacked: true });
  }
  for (const node of before.nodes) sinker.copy(node);
  const made = producers(before.nodes);
  for (const { output, layers } of stacked) {
    b.node('Concat', layersOf(sinker, made, inside(output), layers), { axis: 2 }, [output]);
  }
  for (const { name } of border.outputs) if (!sizes.has(name)) sinker.whole(name);
  return { ...model, graph: removeDeadNodes(finishRewrite(b, { ...graph, ...border })) };
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

/** The layers [1, B, H] that a final state [L, B, H] is made of. */
function layersOf(
  sinker: ConcatSinker,
  made: ReadonlyMap<string, Node>,
  name: string,
  layers: number,
): readonly Value[] {
  const pieces = sinker.pieces.get(name);
  if (pieces?.axis === 0 && pieces.values.length === layers) {
    return pieces.values.map((piece) => asSlice(pieces, piece));
  }
  let node = made.get(name);
  while (node?.op === 'Identity') node = made.get(node.inputs[0]!);
  if (node?.op === 'Concat' && normalizeAxis(intAttribute(node, 'axis', 0), 3) === 0 && node.inputs.length === layers) {
    return node.inputs.map((input) => sinker.whole(input));
  }
  return split(sinker.whole(name), new Array<number>(layers).fill(1), 0);
}
