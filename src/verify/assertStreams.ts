import { SlimError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { intAttribute } from '../graph/attributes.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { isRecurrent } from '../graph/operators.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import { statesOf } from '../graph/states.ts';
import { sliceTensor } from '../graph/tensors.ts';
import type { Dim, Model, Tensor } from '../graph/types.ts';
import type { Streaming } from '../passes/streaming.ts';
import { timeFirst } from '../passes/timeFirst.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { compare, type Difference, differenceOf, emptyTally } from './difference.ts';
import { zerosLike } from './givenInputs.ts';
import { boundDims, randomTensor, smallSizes } from './randomInputs.ts';
import { roundingOf } from './verify.ts';

/** Time steps of the pieces that a sequence is cut into. */
const PIECES = [5, 3];
const STEPS = 8;

/**
 * Proves that a streaming model computes on two pieces of a sequence, states carried, what the sequence model computes
 * on the whole. Throws a SlimError when it does not: something else than the recurrent layers looks across time.
 */
export async function assertStreams(
  runtime: Runtime,
  model: Model,
  streaming: Streaming,
  options: { readonly seed?: number } = {},
): Promise<Difference> {
  const { graph } = model;
  refuseLengths(model);
  const time = timeDimension(model);
  const typeOf = inferTypes(graph);
  const axes = new Map(graph.outputs.map((o) => [o.name, timeAxis(typeOf(o.name)?.shape, time)]));
  // Where time and examples lie along one axis, one example tells its steps apart.
  const mixed = graph.outputs.some((o) => axes.get(o.name) !== typeOf(o.name)?.shape?.indexOf(time));
  const small = smallSizes(graph);
  const others = mixed ? Object.fromEntries(Object.keys(small).map((name) => [name, 1])) : small;
  const sizes = { ...others, [time]: STEPS };
  const random = randomStream(options.seed ?? 1);
  const feeds: Record<string, Tensor> = {};
  for (const input of graph.inputs) {
    feeds[input.name] = randomTensor(input, graph, boundDims(input, sizes), random, sizes);
  }
  const [whole] = await runAll(runtime, model, [feeds]);
  const results = await runAll(runtime, streaming.model, piecesOf(model, feeds, time), streaming, sizes);
  const tally = emptyTally();
  for (const [name, expected] of Object.entries(whole!)) {
    const axis = axes.get(name)!;
    if (axis < 0) {
      // What the model says once, it says at the end.
      compare(tally, name, expected, results[results.length - 1]![name]!);
      continue;
    }
    if (expected.dims[axis] !== STEPS) {
      throw new SlimError(`cannot prove that the model streams: output '${name}' has not one entry for each time step`);
    }
    PIECES.reduce((start, length, i) => {
      const steps = Array.from({ length }, (_, t) => start + t);
      const part = sliceTensor(
        expected,
        expected.dims.map((_, d) => (d === axis ? steps : undefined)),
      );
      compare(tally, name, part, results[i]![name]!);
      return start + length;
    }, 0);
  }
  const difference = differenceOf({ ...tally, batches: PIECES.length });
  if (difference.maxRelativeDifference > roundingOf(model) || tally.equal < tally.discrete) {
    throw new SlimError(
      `the model cannot stream: on a sequence in two pieces output '${tally.worst ?? 'of classes'}' differs by ` +
        `${difference.maxAbsDifference.toExponential(1)} from that on the whole; ` +
        'something in it besides the recurrent layers looks across time steps',
    );
  }
  return difference;
}

/** The axis with an entry for each time step, also where other dimensions lie along it; -1 for none. */
function timeAxis(shape: readonly Dim[] | undefined, time: string): number {
  const own = shape?.indexOf(time) ?? -1;
  return own >= 0 ? own : (shape?.findIndex((d) => typeof d === 'string' && d.split('*').includes(time)) ?? -1);
}

function refuseLengths({ graph }: Model): void {
  for (const { name, inputs } of graph.nodes.filter(isRecurrent)) {
    const lengths = inputs[RECURRENT_INPUT.lengths];
    if (!lengths) continue;
    throw new SlimError(
      `layer '${name}' takes the lengths of whole sequences ('${lengths}'), so the model cannot stream; ` +
        'export it without them',
    );
  }
}

/** The free dimension of the inputs along which recurrent layers step. */
function timeDimension({ graph }: Model): string {
  const typeOf = inferTypes(graph);
  for (const node of graph.nodes) {
    if (!isRecurrent(node) && node.op !== 'Scan') continue;
    const position = isRecurrent(node) && intAttribute(node, 'layout', 0) === 1 ? 1 : 0;
    const input = isRecurrent(node) ? node.inputs[0] : node.inputs[node.inputs.length - 1];
    const dim = typeOf(input ?? '')?.shape?.[position];
    if (typeof dim === 'string' && graph.inputs.some((v) => v.type.shape?.includes(dim))) return dim;
  }
  throw new SlimError(
    'cannot prove that the model streams: none of its inputs has a free number of time steps; export it with one',
  );
}

/** The inputs of each piece: a part of those that have time steps, all of the others. */
function piecesOf({ graph }: Model, feeds: Tensors, time: string): Tensors[] {
  let start = 0;
  return PIECES.map((length) => {
    const steps = Array.from({ length }, (_, t) => start + t);
    start += length;
    const part = graph.inputs.map(({ name, type }): [string, Tensor] => {
      const keep = (type.shape ?? []).map((d) => (d === time ? steps : undefined));
      return [name, keep.some((k) => k !== undefined) ? sliceTensor(feeds[name]!, keep) : feeds[name]!];
    });
    return Object.fromEntries(part);
  });
}

/** Runs a model on one window after another; states start from zeros, or from what the first window says. */
async function runAll(
  runtime: Runtime,
  model: Model,
  windows: readonly Tensors[],
  streaming?: Streaming,
  sizes: Readonly<Record<string, number>> = {},
): Promise<Record<string, Tensor>[]> {
  const session = await runtime.createSession(timeFirst(model));
  try {
    let carried: Record<string, Tensor> = {};
    for (const { input } of streaming?.added ?? []) {
      const info = model.graph.inputs.find((v) => v.name === input)!;
      carried[input] = zerosLike(randomTensor(info, model.graph, boundDims(info, sizes), randomStream(1), sizes));
    }
    const results: Record<string, Tensor>[] = [];
    for (const window of windows) {
      const outputs = await session.run({ ...window, ...carried });
      results.push(outputs);
      const states = streaming === undefined ? [] : statesOf(model);
      carried = Object.fromEntries(states.map(({ input, output }) => [input, outputs[output]!]));
    }
    return results;
  } finally {
    await session.release();
  }
}
