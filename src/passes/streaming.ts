import { SlimError } from '../base/errors.ts';
import { graphAttribute, intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { removeDeadNodes } from '../graph/rewrite.ts';
import { namesStates, type StatePair, stateMetadata, statesOf } from '../graph/states.ts';
import type { Dim, ElementType, Graph, Model, Node, TensorType, ValueInfo } from '../graph/types.ts';
import { directionNames } from '../recurrent/directions.ts';
import { detectStates, moves } from './detectStates.ts';
import { isRecurrent } from './lowerRecurrent.ts';
import { dropZeroStates, zeroTest } from './zeroStates.ts';

/** A model that streams, and what changed. */
export interface Streaming {
  readonly model: Model;
  /** The states that were made inputs and outputs. */
  readonly added: readonly StatePair[];
}

/**
 * A sequence model as one that takes and gives its recurrent states, so that a text or a signal can be fed in pieces.
 * Every layer that starts from zeros gets inputs `layer.h` (and `layer.c` for LSTM) and outputs `layer.h_next`; the
 * states of `Scan` loops are `layer.state_0`, …. States that the model streams already (`states`, else those in the metadata, else those that `detectStates` finds) stay. Throws a SlimError for
 * layers that need the whole sequence (reverse directions) or start from something else than zeros.
 */
export function streamingModel(model: Model, states?: readonly StatePair[]): Streaming {
  const known = states ?? (namesStates(model) ? statesOf(model) : detectStates(model.graph));
  const clean = dropZeroStates(model);
  const { graph } = clean;
  const isZero = zeroTest(graph);
  const streamed = movedFrom(
    graph,
    known.map((s) => s.input),
  );
  const typeOf = inferTypes(graph);
  const names = new Set(
    [...graph.inputs, ...graph.outputs].map((v) => v.name).concat(graph.nodes.flatMap((n) => n.outputs)),
  );
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const added: StatePair[] = [];
  /** Declares a state and its successor; the node's final value has the successor's name afterwards. */
  const declare = (input: string, elementType: ElementType, shape: readonly Dim[]): StatePair => {
    const pair = { input: fresh(input, names), output: fresh(`${input}_next`, names) };
    inputs.push({ name: pair.input, type: { elementType, shape } });
    outputs.push({ name: pair.output, type: { elementType, shape } });
    added.push(pair);
    return pair;
  };
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (isRecurrent(node)) return recurrentNode(node, { typeOf, streamed, declare });
    if (node.op === 'Scan' && node.domain === '') return scanNode(node, { isZero, typeOf, declare });
    return [node];
  });
  if (added.length === 0) {
    const why = known.length > 0 ? 'its states are inputs and outputs already' : 'it has no recurrent layer';
    throw new SlimError(`there is nothing to do for streaming: ${why}`);
  }
  const metadata = { ...clean.metadata, ...stateMetadata([...known, ...added]) };
  const border = { inputs: [...graph.inputs, ...inputs], outputs: [...graph.outputs, ...outputs] };
  return { model: { ...clean, metadata, graph: removeDeadNodes({ ...graph, ...border, nodes }) }, added };
}

/** Values that are inputs of these names, only moved. */
function movedFrom(graph: Graph, inputs: readonly string[]): Set<string> {
  const found = new Set(inputs);
  for (const node of graph.nodes) {
    if (moves.has(node.op) && found.has(node.inputs[0] ?? '')) for (const name of node.outputs) found.add(name);
  }
  return found;
}

interface Declare {
  typeOf(name: string): TensorType | undefined;
  declare(input: string, elementType: ElementType, shape: readonly Dim[]): StatePair;
}

function recurrentNode(node: Node, c: Declare & { readonly streamed: ReadonlySet<string> }): Node[] {
  const [name] = directionNames(node) as [string];
  const direction = stringAttribute(node, 'direction', 'forward');
  if (direction !== 'forward') {
    throw new SlimError(
      `layer '${name.replace(/ \(.*\)$/, '')}' reads the sequence ${direction === 'reverse' ? 'backwards' : 'in both directions'}, so it needs all of it: the model cannot stream`,
    );
  }
  const states = node.op === 'LSTM' ? ['h', 'c'] : ['h'];
  if (states.some((_, i) => node.inputs[5 + i])) {
    const given = node.inputs.slice(5, 7).filter((n) => n);
    if (given.every((n) => c.streamed.has(n))) return [node];
    throw new SlimError(
      `layer '${name}' starts from '${given.join("', '")}', not from zeros: say where that state comes out with the streaming states (--state in=out)`,
    );
  }
  const hidden = c.typeOf(node.inputs[2]!)?.shape?.[2] ?? intAttribute(node, 'hidden_size', 0);
  const elementType = c.typeOf(node.inputs[1]!)?.elementType ?? 'float32';
  const x = c.typeOf(node.inputs[0]!)?.shape;
  const batchFirst = intAttribute(node, 'layout', 0) === 1;
  const batch = x?.[batchFirst ? 0 : 1] ?? 'batch';
  const inputs = [...node.inputs];
  while (inputs.length < 5) inputs.push('');
  const outputs = [...node.outputs];
  const copies: Node[] = [];
  states.forEach((state, i) => {
    const pair = c.declare(`${name}.${state}`, elementType, batchFirst ? [batch, 1, hidden] : [1, batch, hidden]);
    inputs[5 + i] = pair.input;
    while (outputs.length < 2 + i) outputs.push('');
    if (outputs[1 + i] === '') outputs[1 + i] = pair.output;
    else copies.push(copyNode(outputs[1 + i]!, pair.output));
  });
  return [{ ...node, inputs, outputs }, ...copies];
}

/** A loop written out by an exporter: its states that start from zeros. */
function scanNode(node: Node, c: Declare & { isZero(name: string): boolean }): Node[] {
  const body = graphAttribute(node, 'body');
  const count = node.inputs.length - intAttribute(node, 'num_scan_inputs', 0);
  if (body === undefined) return [node];
  const name = node.name || node.outputs.find((o) => o !== '') || 'scan';
  const floats = node.inputs.slice(0, count).map((_, i) => isFloat(body.inputs[i]?.type.elementType ?? 'int64'));
  if (floats.includes(true) && intsAttribute(node, 'scan_input_directions')?.includes(1)) {
    throw new SlimError(`loop '${name}' reads the sequence backwards, so it needs all of it: the model cannot stream`);
  }
  const inputs = [...node.inputs];
  const outputs = [...node.outputs];
  const copies: Node[] = [];
  for (let i = 0; i < count; i++) {
    if (!floats[i] || !c.isZero(inputs[i]!)) continue;
    const type = c.typeOf(inputs[i]!) ?? body.inputs[i]!.type;
    const pair = c.declare(`${name}.state_${i}`, type.elementType, type.shape ?? []);
    inputs[i] = pair.input;
    if (outputs[i] === '') outputs[i] = pair.output;
    else copies.push(copyNode(outputs[i]!, pair.output));
  }
  return [{ ...node, inputs, outputs }, ...copies];
}

function copyNode(from: string, to: string): Node {
  return { op: 'Identity', domain: '', name: to, inputs: [from], outputs: [to], attributes: {} };
}

function fresh(wanted: string, names: Set<string>): string {
  let name = wanted;
  for (let i = 1; names.has(name); i++) name = `${wanted}_${i}`;
  names.add(name);
  return name;
}
