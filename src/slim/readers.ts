import { floatAttribute, intAttribute, stringAttribute } from '../graph/attributes.ts';
import { isRecurrent } from '../graph/operators.ts';
import { allNodes } from '../graph/rewrite.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import type { AxisComponents, Groups } from '../groups/groups.ts';

/** Where a product takes what is added to its result. */
export type BiasPlace =
  /** B [1, 2GH] of a recurrent operator: the half of W (at 0) or of R (at GH), its first `rows` entries. */
  | { readonly kind: 'recurrent'; readonly half: 0 | 1; readonly rows: number }
  /** C of a Gemm or B of a Conv [N], as the input of this number; the product counts `scale` times as much as it. */
  | { readonly kind: 'input'; readonly input: 2; readonly scale: number }
  /** An Add behind the product. */
  | { readonly kind: 'behind' };

/** A product with a stored weight that reads components, in the graph itself: not in a loop or a branch. */
export interface UnitReader {
  readonly node: Node;
  /** The stored weight, and its axes that read the components and make the results. */
  readonly weight: string;
  readonly reads: number;
  readonly makes: number;
  /** The component of each index of the axis that reads, -1 for one that always stays. */
  readonly components: Int32Array;
  /** What is read, and the axis that has the components: 1, or the last (-1). */
  readonly value: string;
  readonly along: 1 | -1;
  readonly bias: BiasPlace;
}

/** All that reads components. */
export interface UnitReaders {
  readonly readers: readonly UnitReader[];
  /** Axes that read components in another way: inside loops and branches, transposed, from the left. */
  readonly others: readonly AxisComponents[];
}

/** Finds the products that read components in a graph; `groups` are those of this graph, its constants one per use. */
export function unitReaders(graph: Graph, groups: Groups): UnitReaders {
  const tensors = storedHere(graph);
  const nodes = allNodes(graph);
  const top = new Set(graph.nodes);
  const readers: UnitReader[] = [];
  const others: AxisComponents[] = [];
  for (const axis of groups.axes) {
    if (axis.role !== 'reads') continue;
    const tensor = tensors.get(axis.tensor);
    const users = nodes.filter((node) => node.inputs.includes(axis.tensor));
    const found = users.map((node) => (tensor && top.has(node) ? readerOf(node, axis, tensor) : undefined));
    if (found.length > 0 && found.every((reader) => reader !== undefined)) readers.push(...found);
    else others.push(axis);
  }
  return { readers, others };
}

/** Y of a recurrent node, or the name that it would have. */
export function sequenceOf({ outputs }: Node): string {
  return outputs[0] || `${outputs.find((name) => name !== '')}.sequence`;
}

function readerOf(node: Node, axis: AxisComponents, tensor: Tensor): UnitReader | undefined {
  if (isRecurrent(node)) return recurrentReader(node, axis, tensor);
  if (node.domain !== '') return undefined;
  const { tensor: weight, axis: reads, components } = axis;
  const at = { node, weight, reads, components, value: node.inputs[0]! };
  const isSecond = node.inputs[1] === weight && node.inputs[0] !== weight && tensor.dims.length >= 2;
  if (!isSecond) return undefined;
  switch (node.op) {
    case 'MatMul':
      if (tensor.dims.length !== 2 || reads !== 0) return undefined;
      return { ...at, makes: 1, along: -1, bias: { kind: 'behind' } };
    case 'Gemm': {
      const makes = intAttribute(node, 'transB', 0) === 1 ? 0 : 1;
      const scale = floatAttribute(node, 'alpha', 1) / floatAttribute(node, 'beta', 1);
      if (reads === makes || intAttribute(node, 'transA', 0) === 1 || !Number.isFinite(scale)) return undefined;
      return { ...at, makes, along: -1, bias: { kind: 'input', input: 2, scale } };
    }
    case 'Conv':
      if (reads !== 1 || intAttribute(node, 'group', 1) !== 1) return undefined;
      return { ...at, makes: 0, along: 1, bias: { kind: 'input', input: 2, scale: 1 } };
    default:
      return undefined;
  }
}

/** W [1, GH, I] reads what comes in, R [1, GH, H] the layer's own units one step before. */
function recurrentReader(node: Node, axis: AxisComponents, { dims }: Tensor): UnitReader | undefined {
  const { tensor: weight, axis: reads, components } = axis;
  const half = weight === node.inputs[RECURRENT_INPUT.weight] ? 0 : 1;
  const places = node.inputs.flatMap((name, place) => (name === weight ? [place] : []));
  const expected = half === 0 ? RECURRENT_INPUT.weight : RECURRENT_INPUT.recurrent;
  if (places.length !== 1 || places[0] !== expected || reads !== 2 || dims[0] !== 1) return undefined;
  if (stringAttribute(node, 'direction', 'forward') === 'bidirectional') return undefined;
  // Without linear_before_reset the candidate of a GRU reads r ∘ h, whose mean no output tells.
  const resetFirst = half === 1 && node.op === 'GRU' && intAttribute(node, 'linear_before_reset', 0) === 0;
  const rows = resetFirst ? (dims[1]! / 3) * 2 : dims[1]!;
  const value = half === 0 ? node.inputs[RECURRENT_INPUT.x]! : sequenceOf(node);
  return { node, weight, reads, makes: 1, components, value, along: -1, bias: { kind: 'recurrent', half, rows } };
}
