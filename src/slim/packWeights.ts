import { intAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { evaluate } from '../graph/evaluate/evaluate.ts';
import { producers } from '../graph/rewrite.ts';
import { storedHere } from '../graph/stored.ts';
import { sliceTensor } from '../graph/tensors.ts';
import type { Graph, Model, Node, Tensor } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import { keptOf, sliceByGroups } from './slice.ts';

/**
 * A smaller model with weights stored as the original has them: as integers with their scales, where DequantizeLinear
 * makes exactly these weights of them. Others stay as they are.
 */
export function packWeights(model: Model, original: Graph, groups: Groups, removed: Uint8Array): Model {
  const stored = storedHere(original);
  const made = producers(model.graph.nodes);
  const initializers = new Map(model.graph.initializers);
  const isTaken = (name: string) => made.has(name) || model.graph.initializers.has(name);
  const unpacking: Node[] = [];
  for (const node of original.nodes) {
    const weight = node.op === 'DequantizeLinear' ? model.graph.initializers.get(node.outputs[0]!) : undefined;
    const parts = weight && !node.inputs.some(isTaken) && partsOf(node, stored, groups, removed);
    if (parts === undefined || parts === false || !gives(node, parts, weight!)) continue;
    initializers.delete(node.outputs[0]!);
    for (const [i, part] of parts.entries()) if (part) initializers.set(node.inputs[i]!, part);
    unpacking.push(node);
  }
  if (unpacking.length === 0) return model;
  return { ...model, graph: { ...model.graph, initializers, nodes: [...unpacking, ...model.graph.nodes] } };
}

/** Integers, scales and zero points of a weight without what was removed; undefined where they are not stored. */
function partsOf(node: Node, stored: ReadonlyMap<string, Tensor>, groups: Groups, removed: Uint8Array) {
  const [integers, ...scales] = node.inputs.map((name) => stored.get(name));
  if (integers === undefined) return undefined;
  const name = node.outputs[0]!;
  const axis = normalizeAxis(intAttribute(node, 'axis', 1), integers.dims.length);
  const kept = axis === undefined ? undefined : keptOf(name, axis, groups, removed);
  const cut = (tensor: Tensor | undefined) =>
    tensor?.dims.length === 1 && tensor.data.length > 1 ? sliceTensor(tensor, [kept]) : tensor;
  return [sliceByGroups(name, integers, groups, removed), ...scales.map(cut)];
}

/** True where these parts make exactly this weight. */
function gives(node: Node, parts: readonly (Tensor | undefined)[], { elementType, dims, data }: Tensor): boolean {
  const [again] = evaluate(node, parts, [{ elementType, shape: dims }]) ?? [];
  return (
    again?.elementType === elementType &&
    again.data.length === data.length &&
    Array.from<unknown>(data).every((value, i) => value === again.data[i])
  );
}
