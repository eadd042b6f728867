import { SlimError, UsageError } from '../errors.ts';
import { sizeOf } from '../graph/dims.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { randomStream } from '../random.ts';
import type { Runtime, Session, Tensors } from '../runtime/runtime.ts';
import { constantPerUse } from '../sparsity/constants.ts';
import type { Groups } from '../sparsity/groups.ts';
import { liveComponents, weightsOf } from '../sparsity/measure.ts';
import { boundDims, randomTensor, smallSizes } from './randomInputs.ts';
import { settleRemoval } from './shrink.ts';
import { groupsAfter, type Removal, sliceByGroups } from './slice.ts';

/** Largest difference relative to an output's largest value that counts as rounding of float32. */
export const ROUNDING = 1e-5;

/** How two models are compared. */
export interface VerifyOptions {
  readonly seed?: number;
  /** Consecutive windows of each run; two runs, one from zero states and one from random ones. */
  readonly batches?: number;
  /** Windows to run on instead of random ones, from zero states: all inputs but the states. */
  readonly feeds?: readonly Tensors[];
  /** Limit of `assertEqual` on the relative difference. */
  readonly tolerance?: number;
  /** What was removed from the original to make the candidate; needed when its streaming states are smaller. */
  readonly removal?: { readonly groups: Groups; readonly removed: Removal };
}

/**
 * The largest differences over all windows and outputs, streaming states included. Of a state only the units count that
 * the original depends on: one that nothing reads may stay as the last of its layer, and has lost its inputs.
 */
export interface Difference {
  readonly maxAbsDifference: number;
  /** Relative to the largest absolute value of the output in that window. */
  readonly maxRelativeDifference: number;
  /** Windows that were compared. */
  readonly batches: number;
}

/**
 * Runs two models on the same inputs, over consecutive windows with carried states, and compares all that comes out.
 */
export async function verifyEqual(
  runtime: Runtime,
  original: Model,
  candidate: Model,
  options: VerifyOptions = {},
): Promise<Difference> {
  const { seed = 1, batches = 3, feeds, removal } = options;
  if (batches < 1 || feeds?.length === 0) throw new UsageError('a comparison needs at least one window');
  const random = randomStream(seed);
  const runs = feeds
    ? [{ windows: feeds, states: zeroStates(original, feeds[0]!) }]
    : randomRuns(original, batches, random);
  const maps = stateMaps(original, removal);
  const sessions = [await runtime.createSession(original)];
  try {
    sessions.push(await runtime.createSession(candidate));
    const [first, second] = sessions as [Session, Session];
    let worst: Difference = { maxAbsDifference: 0, maxRelativeDifference: 0, batches: 0 };
    for (const run of runs) worst = await compareRun(first, second, run, statesOf(original), maps, worst);
    return worst;
  } finally {
    for (const session of sessions) await session.release();
  }
}

/** Stops with a SlimError when two models differ by more than rounding. */
export async function assertEqual(
  runtime: Runtime,
  original: Model,
  candidate: Model,
  options: VerifyOptions = {},
): Promise<Difference> {
  const { tolerance = ROUNDING } = options;
  const difference = await verifyEqual(runtime, original, candidate, options);
  if (!(difference.maxRelativeDifference <= tolerance)) {
    throw new SlimError(
      `refused: the outputs of the two models differ by ${difference.maxRelativeDifference.toPrecision(3)} of their ` +
        `largest value, more than rounding (${tolerance} relative)`,
    );
  }
  return difference;
}

interface Run {
  readonly windows: readonly Tensors[];
  /** States before the first window, by input name. */
  readonly states: Tensors;
}

type StateMap = (input: string, tensor: Tensor) => Tensor;

/** How the states of two models correspond. */
interface StateMaps {
  /** From the original's state to the candidate's. */
  readonly toCandidate: StateMap;
  /** The part of either state that is compared. */
  readonly comparedOfOriginal: StateMap;
  readonly comparedOfCandidate: StateMap;
}

async function compareRun(
  first: Session,
  second: Session,
  run: Run,
  states: readonly StatePair[],
  maps: StateMaps,
  worst: Difference,
): Promise<Difference> {
  let { maxAbsDifference, maxRelativeDifference, batches } = worst;
  const inputOf = new Map(states.map((s) => [s.output, s.input]));
  let ours = run.states;
  let theirs: Tensors = mapTensors(run.states, maps.toCandidate);
  for (const window of run.windows) {
    const expected = await first.run({ ...window, ...ours });
    const got = await second.run({ ...window, ...theirs });
    for (const [name, value] of Object.entries(expected)) {
      const state = inputOf.get(name);
      const other = got[name];
      if (other === undefined) throw new SlimError(`the smaller model has no output '${name}'`);
      const { absolute, relative } = state
        ? difference(name, maps.comparedOfOriginal(state, value), maps.comparedOfCandidate(state, other))
        : difference(name, value, other);
      maxAbsDifference = Math.max(maxAbsDifference, absolute);
      maxRelativeDifference = Math.max(maxRelativeDifference, relative);
    }
    ours = Object.fromEntries(states.map((s) => [s.input, expected[s.output]!]));
    theirs = Object.fromEntries(states.map((s) => [s.input, got[s.output]!]));
    batches++;
  }
  return { maxAbsDifference, maxRelativeDifference, batches };
}

/** Largest difference of two tensors; infinite where one of them is not a number and the other is. */
function difference(name: string, a: Tensor, b: Tensor): { absolute: number; relative: number } {
  if (a.dims.join() !== b.dims.join()) {
    throw new SlimError(
      `output '${name}' has dimensions [${b.dims}] in the smaller model, expected [${a.dims}]; ` +
        'for streaming states say what was removed (removal)',
    );
  }
  let absolute = 0;
  let largest = 0;
  for (let i = 0; i < a.data.length; i++) {
    const [x, y] = [Number(a.data[i]), Number(b.data[i])];
    if (Object.is(x, y)) {
      largest = Math.max(largest, Number.isFinite(x) ? Math.abs(x) : 0);
      continue;
    }
    const d = Math.abs(x - y);
    absolute = Math.max(absolute, Number.isNaN(d) ? Number.POSITIVE_INFINITY : d);
    largest = Math.max(largest, Math.abs(x) || 0);
  }
  return { absolute, relative: absolute === 0 ? 0 : absolute / largest };
}

function stateMaps(original: Model, removal: VerifyOptions['removal']): StateMaps {
  if (removal === undefined) {
    const same: StateMap = (_, tensor) => tensor;
    return { toCandidate: same, comparedOfOriginal: same, comparedOfCandidate: same };
  }
  const { groups } = removal;
  const weights = weightsOf(constantPerUse(original.graph));
  const removed = settleRemoval(groups, removal.removed, weights);
  const live = liveComponents(groups, weights);
  const left = groupsAfter(groups, removed);
  const skipped = (k: number) => removed[k] === 1 || live[k] === 0;
  return {
    toCandidate: (input, tensor) => sliceByGroups(input, tensor, groups, removed),
    comparedOfOriginal: (input, tensor) => sliceByGroups(input, tensor, groups, skipped),
    comparedOfCandidate: (input, tensor) => sliceByGroups(input, tensor, left, skipped),
  };
}

/** One run from zero states; a second one from random states if the model has any. */
function randomRuns(model: Model, batches: number, random: () => number): Run[] {
  const sizes = smallSizes(model.graph);
  const states = new Set(statesOf(model).map((s) => s.input));
  const make = (wanted: boolean) =>
    Object.fromEntries(
      model.graph.inputs
        .filter((v) => states.has(v.name) === wanted)
        .map((v) => [v.name, randomTensor(v, model.graph, boundDims(v, sizes), random)]),
    );
  const windows = () => Array.from({ length: batches }, () => make(false));
  const zero = mapTensors(make(true), (_, tensor) => zerosLike(tensor));
  const fromZero = { windows: windows(), states: zero };
  return states.size === 0 ? [fromZero] : [fromZero, { windows: windows(), states: make(true) }];
}

/** Zero states that fit a window: free dimensions take the sizes that the window's inputs have. */
function zeroStates(model: Model, window: Tensors): Tensors {
  const sizes: Record<string, number> = {};
  for (const { name, type } of model.graph.inputs) {
    type.shape?.forEach((d, i) => {
      const size = window[name]?.dims[i];
      if (typeof d === 'string' && size !== undefined) sizes[d] = size;
    });
  }
  const states = new Set(statesOf(model).map((s) => s.input));
  return Object.fromEntries(
    model.graph.inputs
      .filter((v) => states.has(v.name) && !(v.name in window))
      .map((v) => {
        const dims = boundDims(v, sizes);
        return [v.name, { elementType: 'float32', dims, data: new Float32Array(sizeOf(dims)) }];
      }),
  );
}

function zerosLike(tensor: Tensor): Tensor {
  return { ...tensor, data: new Float32Array(tensor.data.length) };
}

function mapTensors(tensors: Tensors, change: (name: string, tensor: Tensor) => Tensor): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(name, tensor)]));
}
