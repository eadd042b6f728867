import { constantTensor, intAttribute } from '../graph/attributes.ts';
import { bindDim, normalizeAxis } from '../graph/dims.ts';
import { foreignTraits } from '../graph/foreign.ts';
import { knownTypes } from '../graph/infer/infer.ts';
import { inputsFor, isLoop, isRecurrent, moves, operators, traits } from '../graph/operators.ts';
import { bodiesOf } from '../graph/rewrite.ts';
import type { InputRole } from '../graph/traits.ts';
import type { Dim, Graph, Node, Tensor } from '../graph/types.ts';

/** What a graph does with the numbers of an input, where not every number is fine. */
export type InputUse =
  /** Rows of tables; `below` is the number of rows of the smallest. */
  | { readonly kind: 'index'; readonly below: number }
  /** Lengths of sequences that have so many steps. */
  | { readonly kind: 'length'; readonly steps: number }
  | { readonly kind: 'number' };

/** How often a loop runs that goes round as often as an input says. */
const TURNS_OF_LOOP = 3;

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
    const takesAs = (role: InputRole) => inputsFor(node, role).some((i) => isInput(node.inputs[i]));
    const takesLengths = takesAs('lengths') || foreignTraits(node)?.lengths?.some((i) => isInput(node.inputs[i]));
    if (takesAs('index')) {
      const depth = types.ints(second ?? '')?.[0];
      const below = node.op === 'OneHot' ? depth : sizeAt(data, intAttribute(node, 'axis', 0));
      if (typeof below === 'number') limits.push(below);
    } else if (node.op === 'Loop' && node.domain === '' && isInput(data)) {
      lengths.push(TURNS_OF_LOOP);
    } else if (takesLengths) {
      lengths.push(sizeAt(data, intAttribute(node, isRecurrent(node) ? 'layout' : 'time_axis', 0)) ?? 1);
    }
  }
  if (lengths.length > 0) return { kind: 'length', steps: Math.min(...lengths) };
  return limits.length > 0 ? { kind: 'index', below: Math.min(...limits) } : { kind: 'number' };
}

/** A graph with its loops and branches in one list. */
export interface Flattened {
  readonly nodes: readonly Node[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** The value whose elements another one has, by name. */
  readonly aliases: ReadonlyMap<string, string>;
}

const known = new WeakMap<Graph, Flattened>();

/** All nodes and stored tensors of a graph, those of its loops and branches included. */
export function flattened(graph: Graph): Flattened {
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
      const constant = constantTensor(node);
      if (constant) tensors.set(node.outputs[0]!, constant);
      if (moves(node) || traits(node).rounds) for (const output of node.outputs) alias(output, node.inputs[0]);
      const bodies = bodiesOf(node);
      // A loop's body takes the node's inputs one by one, the count and the condition of a Loop apart.
      if (isLoop(node)) {
        for (const { inputs } of bodies) {
          for (let i = operators[node.op].loop.inputsBefore; i < inputs.length; i++) {
            alias(inputs[i]!.name, node.inputs[i]);
          }
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
