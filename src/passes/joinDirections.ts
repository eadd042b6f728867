import { intAttribute } from '../graph/attributes.ts';
import type { FromOptions, GraphBuilder, Value } from '../graph/builder.ts';
import { isRecurrent } from '../graph/operators.ts';
import { concat } from '../graph/ops.ts';
import { bodiesOf, finishRewrite, removeDeadNodes, startRewrite } from '../graph/rewrite.ts';
import { storedTensors } from '../graph/stored.ts';
import { concatTensors } from '../graph/tensors.ts';
import type { Attribute, Graph, Model, Node, Tensor } from '../graph/types.ts';
import { FORWARD, REVERSE, SHARED_LISTS, STATE_INPUTS, WEIGHT_INPUTS } from '../recurrent/directions.ts';
import { type JoinedOutput, joinOutput, type Uses, usesIn } from './joinedOutputs.ts';

/**
 * The way back from `splitDirections`: each pair `name (forward)`, `name (reverse)` that has equally many units is one
 * operator, and the Concat of their outputs Transpose and Reshape. A pair stays two operators where its outputs are used
 * in a way that one operator would not serve better.
 */
export function joinDirections(model: Model): Model {
  const { graph, opsets } = model;
  const stored = storedTensors(graph);
  const joined = joinIn(graph, { stored, stacks: new Map(), where: { opset: opsets[''] } });
  return joined === graph ? model : { ...model, graph: removeDeadNodes(joined) };
}

/** What holds for a graph and the graphs inside it. */
interface Joining {
  readonly stored: ReadonlyMap<string, Tensor>;
  /** The tensors that were put together so far: shared weights stay shared. */
  readonly stacks: Map<string, Value>;
  readonly where: FromOptions;
}

function joinIn(graph: Graph, joining: Joining): Graph {
  const { stored, stacks, where } = joining;
  const isOpen = (g: Graph): boolean =>
    joinsIn(g, usesIn(g, stored)).length > 0 || g.nodes.flatMap(bodiesOf).some(isOpen);
  if (!isOpen(graph)) return graph;
  const joins = joinsIn(graph, usesIn(graph, stored));
  const b = startRewrite(graph, where);
  const instead = new Map<Node, (b: GraphBuilder) => void>();
  for (const join of joins) {
    const { forward, reverse, outputs } = join;
    const names = outputs.map(({ output, stem }) => output ?? (stem && b.unique(stem)));
    const later = graph.nodes.indexOf(forward) > graph.nodes.indexOf(reverse) ? forward : reverse;
    instead.set(forward, () => {}).set(reverse, () => {});
    instead.set(later, () => emitJoined(b, join, names, stacks));
    outputs.forEach(({ gone, emit }, k) => {
      for (const node of gone) instead.set(node, () => emit?.(b, node, names[k]!));
    });
  }
  const copy = (node: Node) => {
    const inside = bodiesOf(node).some(isOpen);
    b.addNode(inside ? b.mapBodies(node, (body) => joinIn(body, { ...joining, where: { outer: b } })) : node);
  };
  for (const node of graph.nodes) (instead.get(node) ?? (() => copy(node)))(b);
  return finishRewrite(b, graph);
}

/** A pair that becomes one operator; `stem` is the name that both share. */
interface Join {
  readonly forward: Node;
  readonly reverse: Node;
  readonly stem: string;
  readonly outputs: readonly JoinedOutput[];
}

function joinsIn({ nodes }: Graph, uses: Uses): Join[] {
  return nodes.flatMap((forward): Join[] => {
    if (!isRecurrent(forward) || !forward.name.endsWith(FORWARD)) return [];
    const stem = forward.name.slice(0, -FORWARD.length);
    const reverse = nodes.find((n) => n.name === stem + REVERSE && n.op === forward.op);
    if (!reverse || !sameAttributes(forward, reverse) || !fittingInputs(forward, reverse, uses.stored)) return [];
    const batchFirst = intAttribute(forward, 'layout', 0) === 1;
    const count = Math.max(forward.outputs.length, reverse.outputs.length);
    const outputs = Array.from({ length: count }, (_, k) => {
      // Y [T, D, B, H], [B, T, D, H] with layout 1; states [D, B, H], [B, D, H].
      const axis = k === 0 ? (batchFirst ? 2 : 1) : batchFirst ? 1 : 0;
      const halves = [forward.outputs[k] ?? '', reverse.outputs[k] ?? ''] as const;
      return joinOutput(halves, { axis, rank: k === 0 ? 4 : 3, mayPick: k > 0 }, uses);
    });
    return outputs.every((output) => output !== undefined) ? [{ forward, reverse, stem, outputs }] : [];
  });
}

function sameAttributes(forward: Node, reverse: Node): boolean {
  const others = (node: Node) => JSON.stringify({ ...node.attributes, direction: undefined, activations: undefined });
  const lists = (node: Node) => SHARED_LISTS.map((name) => node.attributes[name] !== undefined).join();
  return others(forward) === others(reverse) && lists(forward) === lists(reverse);
}

/** True where weights have the same sizes, states are given to both or none, and all other inputs are the same. */
function fittingInputs(forward: Node, reverse: Node, stored: ReadonlyMap<string, Tensor>): boolean {
  const count = Math.max(forward.inputs.length, reverse.inputs.length);
  return Array.from({ length: count }, (_, i) => i).every((i) => {
    const [a, b] = [forward.inputs[i] ?? '', reverse.inputs[i] ?? ''];
    if (a === '' || b === '') return a === b;
    if (WEIGHT_INPUTS.includes(i)) return stored.has(a) && stored.get(a)!.dims.join() === stored.get(b)?.dims.join();
    return STATE_INPUTS.includes(i) || a === b;
  });
}

/** Emits the bidirectional operator. */
function emitJoined(
  b: GraphBuilder,
  { forward, reverse, stem }: Join,
  outputs: readonly string[],
  stacks: Map<string, Value>,
): void {
  const axis = intAttribute(forward, 'layout', 0) === 1 ? 1 : 0;
  const inputs = forward.inputs.map((name, i) => {
    if (name === '') return '';
    const [first, second] = [b.value(name), b.value(reverse.inputs[i]!)];
    if (WEIGHT_INPUTS.includes(i)) return stacked(b, first, second, stacks).name;
    return STATE_INPUTS.includes(i) ? concat([first, second], axis).name : name;
  });
  b.addNode({ ...forward, name: stem, inputs, outputs, attributes: bothAttributes(forward, reverse) });
}

/** Two stored tensors [1, …] as one [2, …], called `W` where the first is `W.forward`. */
function stacked(b: GraphBuilder, first: Value, second: Value, stacks: Map<string, Value>): Value {
  const key = JSON.stringify([first.name, second.name]);
  const known = stacks.get(key);
  if (known) return known;
  const [x, y] = [b.tensorOf(first)!, b.tensorOf(second)!];
  const name = b.unique(first.name.replace(/\.forward(_\d+)?$/, ''));
  const made = b.storedLike(first, name, { ...x, ...concatTensors([x, y], 0) });
  stacks.set(key, made);
  return made;
}

function bothAttributes(forward: Node, reverse: Node): Record<string, Attribute> {
  const attributes: Record<string, Attribute> = { ...forward.attributes };
  attributes.direction = { type: 'string', value: 'bidirectional' };
  for (const name of SHARED_LISTS) {
    const [a, b] = [forward.attributes[name], reverse.attributes[name]];
    if (a?.type === 'strings' && b?.type === 'strings') attributes[name] = { ...a, value: [...a.value, ...b.value] };
    if (a?.type === 'floats' && b?.type === 'floats') attributes[name] = { ...a, value: [...a.value, ...b.value] };
  }
  return attributes;
}
