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
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { freeDims } from '../slim/dimRoles.ts';
import { type Difference, Tally } from './difference.ts';
import { zeroStates } from './givenInputs.ts';
import { boundDims, randomTensor, refuseEmpty, smallSizes } from './randomInputs.ts';
import { refuseNothing, roundingOf, runAll } from './verify.ts';

/** Time steps of a sequence, and of the pieces that it is cut into. */
const STEPS = 8;
const PIECES = [
  [0, 1, 2, 3, 4],
  [5, 6, 7],
];

/**
 * Proves that a streaming model computes on two pieces of a sequence, states carried, what the sequence model computes
 * on the whole. Throws a SlimError when it does not: something else than the recurrent layers looks across time.
 */
export async function assertStreams(runtime: Runtime, model: Model, streaming: Streaming): Promise<Difference> {
  const { graph } = model;
  for (const input of graph.inputs) refuseEmpty(input);
  refuseLengths(model);
  const time = timeDimension(model);
  const typeOf = inferTypes(graph);
  const axes = new Map(graph.outputs.map((o) => [o.name, timeAxis(typeOf(o.name)?.shape, time)]));
  // Where time and examples lie along one axis, one example tells its steps apart.
  const mixed = graph.outputs.some((o) => axes.get(o.name) !== typeOf(o.name)?.shape?.indexOf(time));
  const ones = mixed ? Object.fromEntries(freeDims(graph).map((name) => [name, 1])) : {};
  const sizes = smallSizes(graph, { ...ones, [time]: STEPS });
  const random = randomStream(1);
  const feeds: Record<string, Tensor> = {};
  for (const input of graph.inputs) {
    feeds[input.name] = randomTensor(input, graph, boundDims(input, sizes), random, sizes);
  }
  const results: Record<string, Tensor>[] = [];
  const keep = (outputs: Record<string, Tensor>) => results.push(outputs);
  const failure = { what: 'cannot prove that the model streams: it does not run on random inputs' };
  await runAll(runtime, model, [{ windows: [feeds], states: {} }], [], keep, failure);
  const added = new Set(streaming.added.map(({ input }) => input));
  const run = { windows: piecesOf(model, feeds, time), states: zeroStates(streaming.model.graph, added, feeds) };
  await runAll(runtime, streaming.model, [run], statesOf(streaming.model), keep, failure);
  const [whole, ...parts] = results;
  const tally = new Tally();
  for (const [name, expected] of Object.entries(whole!)) {
    const axis = axes.get(name)!;
    if (axis < 0) {
      // What the model says once, it says at the end.
      tally.compare(name, expected, parts.at(-1)![name]!);
      continue;
    }
    if (expected.dims[axis] !== STEPS) {
      throw new SlimError(`cannot prove that the model streams: output '${name}' has not one entry for each time step`);
    }
    for (const [i, steps] of PIECES.entries()) {
      const keep = expected.dims.map((_, d) => (d === axis ? steps : undefined));
      tally.compare(name, sliceTensor(expected, keep), parts[i]![name]!);
    }
  }
  refuseNothing(tally);
  tally.batches = PIECES.length;
  const { difference } = tally;
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
  return PIECES.map((steps) => {
    const part = graph.inputs.map(({ name, type }): [string, Tensor] => {
      const keep = (type.shape ?? []).map((d) => (d === time ? steps : undefined));
      return [name, sliceTensor(feeds[name]!, keep)];
    });
    return Object.fromEntries(part);
  });
}
