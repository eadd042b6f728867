import { SlimError } from '../base/errors.ts';
import { graphAttribute, intAttribute, intsAttribute } from '../graph/attributes.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { nodeTitle } from '../graph/names.ts';
import { isRecurrent, operators, type RecurrentNode } from '../graph/operators.ts';
import { finishRewrite, removeDeadNodes, startRewrite } from '../graph/rewrite.ts';
import { namesStates, type StatePair, stateMetadata, statesOf } from '../graph/states.ts';
import type { Dim, ElementType, Graph, Model, Node, ValueInfo } from '../graph/types.ts';
import { directionsOf, isBidirectional, STATE_INPUTS } from '../recurrent/directions.ts';
import { detectStates } from './detectStates.ts';
import { movesStates } from './states/parts.ts';
import { dropZeroStates, zeroTest } from './zeroStates.ts';

/** A model that streams, and what changed. */
export interface Streaming {
  readonly model: Model;
  /** The states that were made inputs and outputs. */
  readonly added: readonly StatePair[];
}

/**
 * A sequence model as one that takes and gives its recurrent states, so that a text or a signal can be fed in pieces:
 * inputs `layer.h` (and `layer.c` for LSTM) and outputs `layer.h_next` of layers that start from zeros,
 * `layer.state_0`, … of `Scan` loops. What streams already stays: `states`, else those in the metadata, else those that
 * `detectStates` finds. Throws a SlimError for layers that need the whole sequence or do not start from zeros.
 */
export function streamingModel(model: Model, states?: readonly StatePair[]): Streaming {
  const known = states ?? (namesStates(model) ? statesOf(model) : detectStates(model.graph));
  const clean = dropZeroStates(model);
  const { graph } = clean;
  const isZero = zeroTest(graph);
  const streamed = movedFrom(graph, known);
  const b = startRewrite(graph, { opset: model.opsets[''] });
  const added: StatePair[] = [];
  const outputs: ValueInfo[] = [];
  /** Declares a state and its successor, whose name the node's final value gets. */
  const declare: Declare = (wanted, elementType, shape) => {
    const pair = { input: b.unique(wanted), output: b.unique(`${wanted}_next`) };
    b.input(pair.input, elementType, shape);
    outputs.push({ name: pair.output, type: { elementType, shape } });
    added.push(pair);
    return pair;
  };
  for (const node of graph.nodes) {
    if (isRecurrent(node)) streamRecurrent(b, node, streamed, declare);
    else if (node.op === 'Scan' && node.domain === '') streamScan(b, node, isZero, declare);
    else b.addNode(node);
  }
  if (added.length === 0) {
    const why = known.length > 0 ? 'its states are inputs and outputs already' : 'it has no recurrent layer';
    throw new SlimError(`there is nothing to do for streaming: ${why}`);
  }
  const metadata = { ...clean.metadata, ...stateMetadata([...known, ...added]) };
  const made = finishRewrite(b, { ...graph, outputs: [...graph.outputs, ...outputs] });
  return { model: { ...clean, metadata, graph: removeDeadNodes(made) }, added };
}

/** Declares a state, a new input of the graph, and the output that follows it, which something must still define. */
type Declare = (wanted: string, elementType: ElementType, shape: readonly Dim[]) => StatePair;

/** Values that are streaming states, only moved. */
function movedFrom(graph: Graph, states: readonly StatePair[]): Set<string> {
  const found = new Set(states.map((s) => s.input));
  for (const node of graph.nodes) {
    if (movesStates(node) && found.has(node.inputs[0] ?? '')) for (const name of node.outputs) found.add(name);
  }
  return found;
}

function streamRecurrent(b: GraphBuilder, node: RecurrentNode, streamed: ReadonlySet<string>, declare: Declare): void {
  const name = nodeTitle(node);
  if (directionsOf(node).includes(true)) {
    const how = isBidirectional(node) ? 'in both directions' : 'backwards';
    throw new SlimError(`layer '${name}' reads the sequence ${how}, so it needs all of it: the model cannot stream`);
  }
  const { states } = operators[node.op].recurrent;
  const given = STATE_INPUTS.map((i) => node.inputs[i]).filter((n) => n);
  if (given.length > 0 && !given.every((n) => streamed.has(n!))) {
    const from = `starts from '${given.join("', '")}', not from zeros`;
    const fix = 'say where that state comes out with the streaming states (--state in=out)';
    throw new SlimError(`layer '${name}' ${from}: ${fix}`);
  }
  if (given.length > 0) {
    b.addNode(node);
    return;
  }
  const [x, weight, recurrent] = node.inputs.map((input) => (input === '' ? undefined : b.value(input).type));
  const hidden = recurrent?.shape?.[2] ?? intAttribute(node, 'hidden_size', 0);
  const batchFirst = intAttribute(node, 'layout', 0) === 1;
  const batch = x?.shape?.[batchFirst ? 0 : 1] ?? 'batch';
  const shape = batchFirst ? [batch, 1, hidden] : [1, batch, hidden];
  const pairs = states.map((state) => declare(`${name}.${state}`, weight?.elementType ?? 'float32', shape));
  const inputs = Array.from({ length: STATE_INPUTS[0]! }, (_, i) => node.inputs[i] ?? '');
  const outputs = Array.from({ length: 1 + states.length }, (_, i) => node.outputs[i] || (pairs[i - 1]?.output ?? ''));
  b.addNode({ ...node, inputs: [...inputs, ...pairs.map((pair) => pair.input)], outputs });
  const finals = pairs.map((pair, i) => [pair, outputs[i + 1]!] as const);
  copyFinals(b, finals);
}

/** A loop written out by an exporter: its states that start from zeros. */
function streamScan(b: GraphBuilder, node: Node, isZero: (name: string) => boolean, declare: Declare): void {
  const body = graphAttribute(node, 'body');
  const count = node.inputs.length - intAttribute(node, 'num_scan_inputs', 0);
  const name = nodeTitle(node);
  const floats = node.inputs.slice(0, count).map((_, i) => isFloat(body?.inputs[i]?.type.elementType ?? 'int64'));
  if (floats.includes(true) && intsAttribute(node, 'scan_input_directions')?.includes(1)) {
    throw new SlimError(`loop '${name}' reads the sequence backwards, so it needs all of it: the model cannot stream`);
  }
  const inputs = [...node.inputs];
  const outputs = [...node.outputs];
  const finals = floats.flatMap((float, i): [StatePair, string][] => {
    if (!float || !isZero(inputs[i]!)) return [];
    const { elementType, shape = [] } = b.value(inputs[i]!).type;
    const pair = declare(`${name}.state_${i}`, elementType, shape);
    inputs[i] = pair.input;
    outputs[i] ||= pair.output;
    return [[pair, outputs[i]!]];
  });
  b.addNode({ ...node, inputs, outputs });
  copyFinals(b, finals);
}

/** Gives final values that have names of their own those of the outputs as well. */
function copyFinals(b: GraphBuilder, finals: readonly (readonly [StatePair, string])[]): void {
  for (const [{ output }, name] of finals) if (name !== output) b.node('Identity', [b.value(name)], {}, [output]);
}
