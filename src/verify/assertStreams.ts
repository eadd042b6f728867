import { SlimError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { intAttribute } from '../graph/attributes.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { isRecurrent } from '../graph/operators.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import { statesOf } from '../graph/states.ts';
import { sliceTensor } from '../graph/tensors.ts';
import type { Dim, Graph, Model, Tensor } from '../graph/types.ts';
import type { Streaming } from '../passes/streaming.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { freeDims } from '../slim/dimRoles.ts';
import { turnsOf } from './choices.ts';
import { type Difference, Tally } from './difference.ts';
import { zeroStates } from './givenInputs.ts';
import { noiseOf } from './noise.ts';
import { boundDims, randomTensor, refuseEmpty, smallSizes } from './randomInputs.ts';
import { beyondRounding, roundingOf } from './rounding.ts';
import { runAll, runBranches, type WindowListener } from './runs.ts';
import { refuseNothing, refuseUntaken } from './verify.ts';

/** Time steps of a sequence, and of the pieces that it is cut into. */
const STEPS = 8;
const PIECES = [
  [0, 1, 2, 3, 4],
  [5, 6, 7],
];

/** What a proof of streaming may leave open. */
export interface StreamOptions {
  /** Limit on the relative difference; absent: what rounding explains. */
  readonly tolerance?: number | undefined;
  /** Accepts branches of an If that no input takes. */
  readonly unverifiedBranches?: boolean;
  /** Hears how many windows each model has run on. */
  readonly onWindow?: WindowListener;
}

/**
 * Proves that a streaming model computes on two pieces of a sequence, states carried, what the sequence model computes
 * on the whole, with every choice that inputs have. Throws a SlimError when it does not: something else than the
 * recurrent layers looks across time.
 */
export async function assertStreams(
  runtime: Runtime,
  model: Model,
  streaming: Streaming,
  { tolerance, unverifiedBranches = false, onWindow }: StreamOptions = {},
): Promise<Difference> {
  const { graph } = model;
  for (const input of graph.inputs) refuseEmpty(input);
  refuseLengths(model);
  const time = timeDimension(model);
  const typeOf = inferTypes(graph);
  const axes = new Map(graph.outputs.map((o) => [o.name, timeAxis(typeOf(o.name)?.shape, time)]));
  // Where time and examples lie along one axis, one example tells its steps apart.
  const mixed = graph.outputs.some((o) => axes.get(o.name) !== typeOf(o.name)?.shape?.indexOf(time));
  const sequences = sequencesOf(graph, time, mixed);
  const failure = { what: 'cannot prove that the model streams: it does not run on random inputs' };
  const runs = sequences.map((feeds) => ({ windows: [feeds], states: {} }));
  const { outputs: wholes, untaken } = await runBranches(runtime, model, runs, [], [], failure, onWindow);
  if (untaken.length > 0 && !unverifiedBranches) refuseUntaken(untaken);
  // Both models start from the states that the model takes already.
  const own = new Set(graph.inputs.map(({ name }) => name));
  const added = new Set(streaming.added.map(({ input }) => input).filter((input) => !own.has(input)));
  const inPieces = sequences.map((feeds) => {
    return { windows: piecesOf(model, feeds, time), states: zeroStates(streaming.model.graph, added, feeds) };
  });
  const parts: Record<string, Tensor>[] = [];
  await runAll(runtime, streaming.model, inPieces, statesOf(streaming.model), (made) => parts.push(made), failure);
  const tally = new Tally();
  for (const whole of wholes) comparePieces(tally, axes, whole, parts.splice(0, PIECES.length));
  refuseNothing(tally);
  tally.batches = wholes.length * PIECES.length;
  tally.untaken = untaken;
  const measure = tolerance === undefined && (() => noiseOf(runtime, model, runs, []));
  const { far, noise } = await beyondRounding(tally.worstOf, tolerance ?? roundingOf(model), measure);
  tally.noise = noise;
  const { difference } = tally;
  if (far !== undefined || tally.equal < tally.discrete) {
    throw new SlimError(
      `the model cannot stream: on a sequence in two pieces output '${far?.[0] ?? 'of classes'}' differs by ` +
        `${difference.maxAbsDifference.toExponential(1)} from that on the whole; ` +
        'something in it besides the recurrent layers looks across time steps',
    );
  }
  return difference;
}

/** Sequences at most that try what the graph's decisions turn on. */
const MOST_SEQUENCES = 16;

/** Random sequences, one for each choice that the inputs have. */
function sequencesOf(graph: Graph, time: string, mixed: boolean): Tensors[] {
  const ones = mixed ? Object.fromEntries(freeDims(graph).map((name) => [name, 1])) : {};
  const sizes = smallSizes(graph, { ...ones, [time]: STEPS });
  const random = randomStream(1);
  return Array.from({ length: Math.min(turnsOf(graph), MOST_SEQUENCES) }, (_, turn) =>
    Object.fromEntries(
      graph.inputs.map((v) => [v.name, randomTensor(v, graph, boundDims(v, sizes), random, sizes, turn)]),
    ),
  );
}

/** Adds the outputs of one sequence: those on the whole against those of its pieces. */
function comparePieces(
  tally: Tally,
  axes: ReadonlyMap<string, number>,
  whole: Readonly<Record<string, Tensor>>,
  parts: readonly Readonly<Record<string, Tensor>>[],
): void {
  for (const [name, expected] of Object.entries(whole)) {
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
