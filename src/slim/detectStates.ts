import { intAttribute } from '../graph/attributes.ts';
import { producers } from '../graph/rewrite.ts';
import type { StatePair } from '../graph/states.ts';
import type { Graph, Node, ValueInfo } from '../graph/types.ts';
import { isRecurrent } from '../recurrent/lower.ts';

/*
 * A model that streams takes the states of its recurrent layers as inputs and gives the new ones as outputs. Nothing in
 * an ONNX file says so, but the graph shows it: an input that goes, only moved, to the initial states of the very
 * layers (or loops) whose final states come, only moved, out again.
 */

/** Operators that move elements of their first input, or copy them as they are. */
const moves = new Set('Identity Cast Reshape Transpose Squeeze Unsqueeze Slice Gather Split Flatten'.split(' '));
/** Where a node takes initial states and gives final ones. */
interface Slots {
  readonly layer: number;
  /** Index of the input of each state. */
  readonly inputs: readonly number[];
  /** Index of the output of each state. */
  readonly outputs: readonly number[];
}

/** The states of a recurrent operator or a loop; undefined for any other node. */
function slotsOf(node: Node, layer: number): Slots | undefined {
  if (isRecurrent(node)) return { layer, inputs: [5, 6], outputs: [1, 2] };
  if (node.domain !== '' || (node.op !== 'Scan' && node.op !== 'Loop')) return undefined;
  const first = node.op === 'Loop' ? 2 : 0;
  const inputs = range(first, node.inputs.length - intAttribute(node, 'num_scan_inputs', 0));
  return { layer, inputs, outputs: inputs.map((i) => i - first) };
}

function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
}

/** The streaming states of a graph, found by their way through it; pairs in the order of the inputs. */
export function detectStates(graph: Graph): StatePair[] {
  const layers = new Map<Node, Slots>();
  for (const [i, node] of graph.nodes.entries()) {
    const slots = slotsOf(node, i);
    if (slots) layers.set(node, slots);
  }
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
  layers: ReadonlyMap<Node, Slots>,
): string {
  const found = new Set<string>();
  const seen = new Set<string>();
  const follow = (value: string): void => {
    if (seen.has(value)) return;
    seen.add(value);
    for (const node of readers.get(value) ?? []) {
      const slots = layers.get(node);
      if (slots) {
        slots.inputs.forEach((input, state) => {
          if (node.inputs[input] === value) found.add(`${slots.layer}.${state}`);
        });
      } else if (moves.has(node.op) && node.inputs[0] === value) node.outputs.forEach(follow);
    }
  };
  follow(name);
  return [...found].sort().join();
}

/** The same of the final states that a value is made of; empty when it is made of anything else. */
function finalStates(name: string, made: ReadonlyMap<string, Node>, layers: ReadonlyMap<Node, Slots>): string {
  const found = new Set<string>();
  const follow = (value: string): boolean => {
    const node = made.get(value);
    if (node === undefined) return false;
    const slots = layers.get(node);
    if (slots !== undefined) {
      const state = slots.outputs.indexOf(node.outputs.indexOf(value));
      if (state >= 0) found.add(`${slots.layer}.${state}`);
      return state >= 0;
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
