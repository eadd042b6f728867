import { intAttribute } from '../graph/attributes.ts';
import { bindDim, normalizeAxis } from '../graph/dims.ts';
import { knownTypes } from '../graph/infer/knownTypes.ts';
import { bodiesOf } from '../graph/rewrite.ts';
import type { Dim, Graph, Node, Tensor } from '../graph/types.ts';
import { isRecurrent } from '../passes/lowerRecurrent.ts';

/** What a graph does with the numbers of an input, where not every number is fine. */
export type InputUse =
  /** Rows of tables; `below` is the number of rows of the smallest. */
  | { readonly kind: 'index'; readonly below: number }
  /** Lengths of sequences that have so many steps. */
  | { readonly kind: 'length'; readonly steps: number }
  | { readonly kind: 'number' };

/** Finds out what an input is used for, in loops and branches too. `sizes` are those of the free dimensions. */
export function useOfInput(graph: Graph, input: string, sizes: Readonly<Record<string, Dim>>): InputUse {
  const { nodes, tensors, aliases } = flattened(graph);
  const types = knownTypes(graph);
  const isInput = (name: string | undefined): boolean => {
    const seen = new Set<string>();
    let at = name ?? '';
    for (let next = aliases.get(at); next !== undefined && !seen.has(at); next = aliases.get(at)) {
      seen.add(at);
      at = next;
    }
    return at === input;
  };
  const sizeAt = (name: string | undefined, axis: number): number | undefined => {
    const shape = types.type(name ?? '')?.shape ?? tensors.get(name ?? '')?.dims;
    const at = shape && normalizeAxis(axis, shape.length);
    const size = at === undefined ? undefined : bindDim(shape![at]!, sizes);
    return typeof size === 'number' ? size : undefined;
  };

  const limits: number[] = [];
  const lengths: number[] = [];
  for (const node of nodes) {
    const [data, second] = node.inputs;
    if (isLookup(node) && isInput(second)) {
      const below = sizeAt(data, intAttribute(node, 'axis', 0));
      if (below !== undefined) limits.push(below);
    } else if (node.op === 'OneHot' && isInput(data)) {
      const depth = types.ints(second ?? '')?.[0];
      if (typeof depth === 'number') limits.push(depth);
    } else if (node.op === 'ReverseSequence' && isInput(second)) {
      lengths.push(sizeAt(data, intAttribute(node, 'time_axis', 0)) ?? 1);
    } else if (isRecurrent(node) && isInput(node.inputs[LENGTHS])) {
      lengths.push(sizeAt(data, intAttribute(node, 'layout', 0)) ?? 1);
    }
  }
  if (lengths.length > 0) return { kind: 'length', steps: Math.min(...lengths) };
  return limits.length > 0 ? { kind: 'index', below: Math.min(...limits) } : { kind: 'number' };
}

/** Place of sequence_lens among the inputs of a recurrent operator. */
const LENGTHS = 4;

function isLookup(node: Node): boolean {
  return ['Gather', 'GatherElements', 'ScatterElements'].includes(node.op) && node.domain === '';
}

/** Operators that pass the values of their first input on as they are. */
const passing = new Set(
  'Identity Cast Reshape Squeeze Unsqueeze Transpose Flatten Expand Tile Slice Split Clip Floor Round'.split(' '),
);

interface Flattened {
  readonly nodes: readonly Node[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** The value whose elements another one has, by name. */
  readonly aliases: ReadonlyMap<string, string>;
}

const known = new WeakMap<Graph, Flattened>();

/** All nodes and stored tensors of a graph, those of its loops and branches included. */
function flattened(graph: Graph): Flattened {
  const found = known.get(graph);
  if (found) return found;
  const nodes: Node[] = [];
  const tensors = new Map<string, Tensor>();
  const aliases = new Map<string, string>();
  const alias = (to: string | undefined, from: string | undefined) => {
    // A name that stands for two values in different bodies is followed to the first.
    if (to && from && to !== from && !aliases.has(to)) aliases.set(to, from);
  };
  const collect = (part: Graph): void => {
    for (const [name, tensor] of part.initializers) tensors.set(name, tensor);
    for (const node of part.nodes) {
      nodes.push(node);
      if (passing.has(node.op)) for (const output of node.outputs) alias(output, node.inputs[0]);
      const bodies = bodiesOf(node);
      // A Scan's body takes the node's inputs one by one; a Loop's, after the count and the condition, too.
      const first = { Scan: 0, Loop: 2 }[node.op];
      if (first !== undefined) {
        for (const { inputs } of bodies) {
          for (let i = first; i < inputs.length; i++) alias(inputs[i]!.name, node.inputs[i]);
        }
      }
      bodies.forEach(collect);
    }
  };
  collect(graph);
  const flat = { nodes, tensors, aliases };
  known.set(graph, flat);
  return flat;
}
