import { normalizeAxis } from '../graph/dims.ts';
import { producers } from '../graph/rewrite.ts';
import type { StatePair } from '../graph/states.ts';
import type { Graph, Node, ValueInfo } from '../graph/types.ts';
import { isRecurrent } from '../recurrent/lower.ts';

/*
 * A model that streams takes the states of its recurrent layers as inputs and gives the new ones as outputs. Nothing in
 * an ONNX file says so, but the graph shows it: an input that goes, only moved, to the initial states of the very
 * layers whose final states come, only moved, out again.
 */

/** Operators that move elements of their first input, or copy them as they are. */
const moves = new Set('Identity Cast Reshape Transpose Squeeze Unsqueeze Slice Gather Split Flatten'.split(' '));
/** Index of the initial state among the inputs of a recurrent operator, by the index of the final one. */
const INITIAL = { 1: 5, 2: 6 } as const;

/** The streaming states of a graph, found by their way through it; pairs in the order of the inputs. */
export function detectStates(graph: Graph): StatePair[] {
  const layers = new Map<Node, number>(graph.nodes.filter(isRecurrent).map((node, i) => [node, i]));
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  }
  const made = producers(graph.nodes);
  const outputs = graph.outputs.map((info) => ({ info, from: finalStates(info.name, made, layers) }));
  const taken = new Set<string>();
  return graph.inputs.flatMap((input) => {
    const to = initialStates(input.name, readers, layers);
    const output = outputs.find(
      ({ info, from }) => !taken.has(info.name) && to !== '' && from === to && alike(info, input),
    );
    if (output === undefined) return [];
    taken.add(output.info.name);
    return [{ input: input.name, output: output.info.name }];
  });
}

/** `layer.state` of every initial state that a value goes to, sorted; empty when it goes to none. */
function initialStates(
  name: string,
  readers: ReadonlyMap<string, readonly Node[]>,
  layers: ReadonlyMap<Node, number>,
): string {
  const found = new Set<string>();
  const seen = new Set<string>();
  const follow = (value: string): void => {
    if (seen.has(value)) return;
    seen.add(value);
    for (const node of readers.get(value) ?? []) {
      if (layers.has(node)) {
        for (const i of [5, 6]) if (node.inputs[i] === value) found.add(`${layers.get(node)}.${i}`);
      } else if (moves.has(node.op) && node.inputs[0] === value) node.outputs.forEach(follow);
    }
  };
  follow(name);
  return [...found].sort().join();
}

/** The same of the final states that a value is made of; empty when it is made of anything else. */
function finalStates(name: string, made: ReadonlyMap<string, Node>, layers: ReadonlyMap<Node, number>): string {
  const found = new Set<string>();
  const follow = (value: string): boolean => {
    const node = made.get(value);
    if (node === undefined) return false;
    const layer = layers.get(node);
    if (layer !== undefined) {
      const k = node.outputs.indexOf(value);
      if (k !== 1 && k !== 2) return false;
      found.add(`${layer}.${INITIAL[k]}`);
      return true;
    }
    if (node.op === 'Concat') return node.inputs.every(follow);
    return moves.has(node.op) && follow(node.inputs[0] ?? '');
  };
  return follow(name) ? [...found].sort().join() : '';
}

/** Same type, and no axis of two different sizes. */
function alike(a: ValueInfo, b: ValueInfo): boolean {
  if (a.type.elementType !== b.type.elementType) return false;
  const [x, y] = [a.type.shape, b.type.shape];
  if (x === undefined || y === undefined) return true;
  return x.length === y.length && x.every((d, i) => typeof d !== 'number' || typeof y[i] !== 'number' || d === y[i]);
}

/** The number of layers in a state [L, B, H] that stacks several; undefined for any other. */
export function stackedLayers(graph: Graph, input: string): number | undefined {
  const shape = graph.inputs.find((v) => v.name === input)?.type.shape;
  const axis = shape && normalizeAxis(0, shape.length);
  const layers = axis === undefined ? undefined : shape?.[axis];
  return shape?.length === 3 && typeof layers === 'number' && layers > 1 ? layers : undefined;
}
