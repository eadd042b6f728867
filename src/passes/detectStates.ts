import { constantTensor, integers, intsAttribute } from '../graph/attributes.ts';
import { moves } from '../graph/operators.ts';
import { producers } from '../graph/rewrite.ts';
import { type StateSlots, stateSlots } from '../graph/slots.ts';
import type { StatePair } from '../graph/states.ts';
import type { Graph, Node, Tensor, ValueInfo } from '../graph/types.ts';

/*
 * A model that streams takes the states of its layers as inputs and gives the new ones as outputs. No ONNX file says so,
 * but the graph shows it: an input goes, only moved, to the initial states of the very layers (or loops) whose final
 * states come, only moved and in the same order, out again.
 */

/** True where a state stays itself: no element comes out in several places. */
export function movesStates(node: Node): boolean {
  const how = moves(node);
  return how !== undefined && how !== 'copies';
}

/** Where a node takes initial states and gives final ones, and which of the layers it is. */
interface Slots extends StateSlots {
  readonly layer: number;
}

/** Streaming states in the order of the inputs; a graph that gives out nothing but final states has none. */
export function detectStates(graph: Graph): StatePair[] {
  const layers = new Map<Node, Slots>();
  for (const [i, node] of graph.nodes.entries()) {
    const slots = stateSlots(node);
    if (slots) layers.set(node, { layer: i, ...slots });
  }
  if (layers.size === 0) return [];
  const starts = initialStates(graph, layers);
  const made = producers(graph.nodes);
  const outputs = graph.outputs.map((info) => ({ info, from: finalStates(info.name, made, layers) }));
  if (outputs.every(({ from }) => from !== '')) return [];
  const taken = new Set<string>();
  return graph.inputs.flatMap((input) => {
    const to = starts.get(input.name) ?? '';
    const output = outputs.find(
      ({ info, from }) => !taken.has(info.name) && to !== '' && from === to && alike(info, input),
    );
    if (output === undefined) return [];
    taken.add(output.info.name);
    return [{ input: input.name, output: output.info.name }];
  });
}

/** For each input that goes to initial states: `layer.state` of each, in the order in which the input holds them. */
function initialStates(graph: Graph, layers: ReadonlyMap<Node, Slots>): Map<string, string> {
  const stored = new Map<string, Tensor>(graph.initializers);
  /** What of which input a value is: the place of the first slice that was taken. */
  const origins = new Map(graph.inputs.map((v) => [v.name, { input: v.name, place: 0, sliced: false }]));
  const found = new Map<string, { slot: string; place: number }[]>();
  for (const node of graph.nodes) {
    const constant = constantTensor(node);
    if (constant) stored.set(node.outputs[0]!, constant);
    const slots = layers.get(node);
    slots?.inputs.forEach((index, state) => {
      const origin = origins.get(node.inputs[index] ?? '');
      if (origin === undefined) return;
      const list = found.get(origin.input) ?? [];
      list.push({ slot: `${slots.layer}.${state}`, place: origin.place });
      found.set(origin.input, list);
    });
    const origin = origins.get(node.inputs[0] ?? '');
    if (slots || origin === undefined || !movesStates(node)) continue;
    node.outputs.forEach((name, i) => {
      const place = origin.sliced ? undefined : placeOf(node, i, stored);
      origins.set(name, place === undefined ? origin : { ...origin, place, sliced: true });
    });
  }
  const ordered = [...found].map(([input, list]): [string, string] => {
    const slots = list.sort((a, b) => a.place - b.place).map((s) => s.slot);
    return [input, [...new Set(slots)].join()];
  });
  return new Map(ordered);
}

/** Where the slice that an output is begins; undefined for operators that take no slices. */
function placeOf(node: Node, output: number, stored: ReadonlyMap<string, Tensor>): number | undefined {
  const first = (attribute: string) =>
    (intsAttribute(node, attribute) ?? integers(stored.get(node.inputs[1] ?? '')))?.[0];
  if (node.op === 'Split') return output;
  if (node.op === 'Slice') return first('starts') ?? 0;
  return node.op === 'Gather' ? (first('') ?? 0) : undefined;
}

/** `layer.state` of each final state that a value is made of, in order; empty when it is made of anything else. */
function finalStates(name: string, made: ReadonlyMap<string, Node>, layers: ReadonlyMap<Node, Slots>): string {
  const found: string[] = [];
  const todo = [name];
  const seen = new Set<string>();
  for (let value = todo.pop(); value !== undefined; value = todo.pop()) {
    const node = made.get(value);
    if (node === undefined || seen.has(value)) return '';
    seen.add(value);
    const slots = layers.get(node);
    if (slots !== undefined) {
      const state = slots.outputs.indexOf(node.outputs.indexOf(value));
      if (state < 0) return '';
      found.push(`${slots.layer}.${state}`);
    } else if (node.op === 'Concat') todo.push(...[...node.inputs].reverse());
    else if (movesStates(node)) todo.push(node.inputs[0] ?? '');
    else return '';
  }
  return found.join();
}

/** Same type, and no axis of two different sizes. */
function alike(a: ValueInfo, b: ValueInfo): boolean {
  if (a.type.elementType !== b.type.elementType) return false;
  const [x, y] = [a.type.shape, b.type.shape];
  if (x === undefined || y === undefined) return true;
  return x.length === y.length && x.every((d, i) => typeof d !== 'number' || typeof y[i] !== 'number' || d === y[i]);
}
