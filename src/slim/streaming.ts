import { SlimError } from '../errors.ts';
import { graphAttribute, intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { removeDeadNodes } from '../graph/rewrite.ts';
import { type StatePair, stateMetadata, statesOf } from '../graph/states.ts';
import type { Dim, Model, Node, Tensor, ValueInfo } from '../graph/types.ts';
import { randomStream } from '../random.ts';
import { isRecurrent } from '../recurrent/lower.ts';
import type { Runtime, Session, Tensors } from '../runtime/runtime.ts';
import { directionNames } from '../sparsity/trace.ts';
import { detectStates } from './detectStates.ts';
import { boundDims, randomTensor, smallSizes } from './randomInputs.ts';
import { sliceTensor } from './slice.ts';
import { ROUNDING } from './verify.ts';
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
 * states of `Scan` loops are `layer.state_0`, …. States that the model streams already stay. Throws a SlimError for
 * layers that need the whole sequence (reverse directions) or start from something else than zeros.
 */
export function streamingModel(model: Model): Streaming {
  const known = statesOf(model).length > 0 ? statesOf(model) : detectStates(model.graph);
  const clean = dropZeroStates(model);
  const { graph } = clean;
  const isZero = zeroTest(graph);
  const streamed = new Set(known.map((s) => s.input));
  const typeOf = inferTypes(graph);
  const names = new Set(
    [...graph.inputs, ...graph.outputs].map((v) => v.name).concat(graph.nodes.flatMap((n) => n.outputs)),
  );
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const added: StatePair[] = [];
  /** Declares a state and its successor; the node's final value has the successor's name afterwards. */
  const declare = (input: string, shape: readonly Dim[]): StatePair => {
    const pair = { input: fresh(input, names), output: fresh(`${input}_next`, names) };
    inputs.push({ name: pair.input, type: { elementType: 'float32', shape } });
    outputs.push({ name: pair.output, type: { elementType: 'float32', shape } });
    added.push(pair);
    return pair;
  };
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (isRecurrent(node)) return recurrentNode(node, { typeOf: (n) => typeOf(n)?.shape, streamed, declare });
    if (node.op === 'Scan' && node.domain === '')
      return scanNode(node, { isZero, typeOf: (n) => typeOf(n)?.shape, declare });
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

interface Declare {
  typeOf(name: string): readonly Dim[] | undefined;
  declare(input: string, shape: readonly Dim[]): StatePair;
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
  const hidden = c.typeOf(node.inputs[2]!)?.[2] ?? intAttribute(node, 'hidden_size', 0);
  const x = c.typeOf(node.inputs[0]!);
  const batchFirst = intAttribute(node, 'layout', 0) === 1;
  const batch = x?.[batchFirst ? 0 : 1] ?? 'batch';
  const inputs = [...node.inputs];
  while (inputs.length < 5) inputs.push('');
  const outputs = [...node.outputs];
  const copies: Node[] = [];
  states.forEach((state, i) => {
    const pair = c.declare(`${name}.${state}`, batchFirst ? [batch, 1, hidden] : [1, batch, hidden]);
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
    const pair = c.declare(`${name}.state_${i}`, c.typeOf(inputs[i]!) ?? body.inputs[i]!.type.shape ?? []);
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

/**
 * Proves that a streaming model computes on two pieces of a sequence, states carried, what the sequence model computes
 * on the whole. Throws a SlimError when it does not: something else than the recurrent layers looks across time.
 */
export async function assertStreams(
  runtime: Runtime,
  model: Model,
  streaming: Streaming,
  options: { readonly seed?: number } = {},
): Promise<{ maxAbsDifference: number; maxRelativeDifference: number }> {
  const time = timeDimension(model);
  const random = randomStream(options.seed ?? 1);
  const sizes = { ...smallSizes(model.graph), [time]: 8 };
  const whole: Record<string, Tensor> = {};
  for (const input of model.graph.inputs) {
    whole[input.name] = randomTensor(input, model.graph, boundDims(input, sizes), random);
  }
  const first = await runtime.createSession(model);
  try {
    const second = await runtime.createSession(streaming.model);
    try {
      const expected = await first.run(whole);
      const pieces = await runPieces(second, streaming, whole, time, [5, 3], sizes);
      return compareStreams(model, expected, pieces, time);
    } finally {
      await second.release();
    }
  } finally {
    await first.release();
  }
}

/** The free dimension of the inputs along which recurrent layers step. */
function timeDimension(model: Model): string {
  const typeOf = inferTypes(model.graph);
  for (const node of model.graph.nodes) {
    if (!isRecurrent(node) && node.op !== 'Scan') continue;
    const position = isRecurrent(node) && intAttribute(node, 'layout', 0) === 1 ? 1 : 0;
    const input = isRecurrent(node) ? node.inputs[0] : node.inputs[node.inputs.length - 1];
    const dim = typeOf(input ?? '')?.shape?.[position];
    const borders = model.graph.inputs.some((v) => v.type.shape?.includes(dim ?? ''));
    if (typeof dim === 'string' && borders) return dim;
  }
  throw new SlimError(
    'cannot prove that the model streams: none of its inputs has a free number of time steps; export it with one',
  );
}

/** Runs the pieces of the inputs one after another, states from zeros. */
async function runPieces(
  session: Session,
  { model, added }: Streaming,
  whole: Tensors,
  time: string,
  lengths: readonly number[],
  sizes: Readonly<Record<string, number>>,
): Promise<Record<string, Tensor>[]> {
  let states: Record<string, Tensor> = {};
  for (const { input } of added) {
    const dims = boundDims(model.graph.inputs.find((v) => v.name === input)!, sizes);
    states[input] = { elementType: 'float32', dims, data: new Float32Array(sizeOf(dims)) };
  }
  const results: Record<string, Tensor>[] = [];
  let start = 0;
  for (const length of lengths) {
    const indices = Array.from({ length }, (_, i) => start + i);
    const feeds: Record<string, Tensor> = { ...states };
    for (const { name, type } of model.graph.inputs) {
      const tensor = whole[name];
      if (tensor)
        feeds[name] = sliceTensor(
          tensor,
          (type.shape ?? []).map((d) => (d === time ? indices : undefined)),
        );
    }
    for (const { input, output } of statesOf(model)) {
      const carried = results[results.length - 1]?.[output];
      if (carried) feeds[input] = carried;
    }
    results.push(await session.run(feeds));
    states = {};
    start += length;
  }
  return results;
}

function compareStreams(
  model: Model,
  expected: Readonly<Record<string, Tensor>>,
  pieces: readonly Record<string, Tensor>[],
  time: string,
): { maxAbsDifference: number; maxRelativeDifference: number } {
  const typeOf = inferTypes(model.graph);
  let [maxAbsDifference, maxRelativeDifference] = [0, 0];
  for (const { name } of model.graph.outputs) {
    const tensor = expected[name]!;
    const axis = typeOf(name)?.shape?.indexOf(time) ?? -1;
    const last = pieces[pieces.length - 1]![name]!;
    // An output without time is what the model says at the end.
    const length = axis < 0 ? 0 : last.dims[axis]!;
    const end =
      axis < 0
        ? tensor
        : sliceTensor(
            tensor,
            tensor.dims.map((d, i) => (i === axis ? lastOf(d, length) : undefined)),
          );
    const [a, b] = [end.data, last.data].map((data) => Array.from(data as ArrayLike<number | bigint>, Number));
    const scale = Math.max(1e-12, ...a!.map(Math.abs));
    const worst = Math.max(0, ...a!.map((x, i) => Math.abs(x - b![i]!)));
    if (!(worst / scale <= ROUNDING)) {
      throw new SlimError(
        `the model cannot stream: on a sequence in two pieces output '${name}' differs by ${worst.toExponential(1)} from that on the whole; ` +
          'something in it besides the recurrent layers looks across time steps',
      );
    }
    maxAbsDifference = Math.max(maxAbsDifference, worst);
    maxRelativeDifference = Math.max(maxRelativeDifference, worst / scale);
  }
  return { maxAbsDifference, maxRelativeDifference };
}

function lastOf(size: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => size - count + i);
}
