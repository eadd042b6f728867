import { SlimError, UsageError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import { storedTensors } from '../graph/stored.ts';
import { emptyData } from '../graph/tensors.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { timeFirst } from '../passes/timeFirst.ts';
import type { Runtime, Session, Tensors } from '../runtime/runtime.ts';
import { type Difference, Tally } from './difference.ts';
import { zeroStates } from './givenInputs.ts';
import { boundDims, randomTensor, smallSizes } from './randomInputs.ts';
import { type RemovalFrom, type StateMap, stateMaps } from './stateMaps.ts';

export type { Difference } from './difference.ts';

/** Largest relative difference (`Difference`) that counts as rounding of float32. */
export const ROUNDING = 1e-5;
/** The same for models that compute in 16 bits: about ten roundings of a significand of 11 and of 8 bits. */
const HALF_ROUNDING = 5e-3;
const BRAIN_HALF_ROUNDING = 4e-2;

/** How two models are compared. */
export interface VerifyOptions {
  readonly seed?: number;
  /** Consecutive windows of each run; two runs, one from zero states and one from random ones. */
  readonly batches?: number;
  /** Windows to run on instead of random ones; states that the first one does not have start at zero. */
  readonly feeds?: readonly Tensors[];
  /** Streaming states of the original; absent: those in its metadata. */
  readonly states?: readonly StatePair[] | undefined;
  /** Limit of `assertEqual` on the relative difference; absent: `roundingOf` the original. */
  readonly tolerance?: number;
  /** What was removed from the original to make the candidate; needed when its streaming states are smaller. */
  readonly removal?: RemovalFrom;
}

/**
 * Runs two models on the same inputs, over consecutive windows with carried states, and compares all that comes out.
 * Memory never holds both sessions; a candidate that is given as a function is made in between. Throws a SlimError when
 * the original does not run on these inputs, or when outputs are missing or have other types or sizes.
 */
export async function verifyEqual(
  runtime: Runtime,
  original: Model,
  candidate: Model | (() => Model),
  options: VerifyOptions = {},
): Promise<Difference> {
  const tally = await tallyOf(runtime, original, candidate, options);
  refuseNothing(tally);
  return tally.difference;
}

/** Stops with a SlimError when two models differ by more than rounding, or at all in outputs that are no reals. */
export async function assertEqual(
  runtime: Runtime,
  original: Model,
  candidate: Model | (() => Model),
  options: VerifyOptions = {},
): Promise<Difference> {
  const { tolerance = roundingOf(original) } = options;
  const tally = await tallyOf(runtime, original, candidate, options);
  const { difference } = tally;
  if (tally.blank.size > 0) {
    const names = [...tally.blank].map((name) => `'${name}'`).join(', ');
    throw new SlimError(
      `refused: the model gives only NaN and infinity at ${names} on these inputs, which proves nothing; ` +
        'give some that it is made for (--inputs FILE)',
    );
  }
  refuseNothing(tally);
  if (!(difference.maxRelativeDifference <= tolerance)) {
    throw new SlimError(
      `refused: the outputs of the two models differ by ${difference.maxRelativeDifference.toPrecision(3)} ` +
        `(relative), more than rounding (${tolerance}), at worst in '${tally.worst}'`,
    );
  }
  if (tally.equal < tally.discrete) {
    const differing = tally.discrete - tally.equal;
    throw new SlimError(
      `refused: ${differing} of ${tally.discrete} elements differ in the outputs that are not real numbers`,
    );
  }
  return difference;
}

/** Throws a SlimError for outputs that never had an element. */
export function refuseNothing({ elements }: Tally): void {
  const empty = [...elements].filter(([, count]) => count === 0).map(([name]) => `'${name}'`);
  if (elements.size > 0 && empty.length === 0) return;
  throw new SlimError(
    elements.size === 0
      ? 'refused: the model has no outputs to compare'
      : `refused: the model gives nothing at ${empty.join(', ')} on these inputs, so that nothing was compared there; ` +
          'give some that it is made for (--inputs FILE)',
  );
}

/** The relative difference that rounding explains in a model, by the least precise type of its weights and borders. */
export function roundingOf({ graph }: Model): number {
  const types = new Set([...graph.inputs, ...graph.outputs].map((v) => v.type.elementType));
  for (const tensor of storedTensors(graph).values()) if (tensor.data.length > 1) types.add(tensor.elementType);
  if (types.has('bfloat16')) return BRAIN_HALF_ROUNDING;
  return types.has('float16') ? HALF_ROUNDING : ROUNDING;
}

/** Consecutive windows. */
interface Run {
  readonly windows: readonly Tensors[];
  /** States before the first window, by input name. */
  readonly states: Tensors;
}

async function tallyOf(
  runtime: Runtime,
  original: Model,
  candidate: Model | (() => Model),
  { seed = 1, batches = 3, feeds, states = statesOf(original), removal }: VerifyOptions,
): Promise<Tally> {
  if (batches < 1 || feeds?.length === 0) throw new UsageError('a comparison needs at least one window');
  const inputs = new Set(states.map((s) => s.input));
  const runs = feeds ? [givenRun(original, inputs, feeds)] : randomRuns(original, inputs, batches, randomStream(seed));
  const maps = stateMaps(original, removal);
  const results: Record<string, Tensor>[] = [];
  const what = `the model does not run on ${feeds ? 'the given' : 'random'} inputs`;
  const advice = '; give some that it is made for (--inputs FILE)';
  await runAll(runtime, original, runs, states, (outputs) => results.push(outputs), { what, advice });

  const tally = new Tally();
  const inputOf = new Map(states.map((s) => [s.output, s.input]));
  const smaller = typeof candidate === 'function' ? candidate() : candidate;
  const theirs = runs.map((run) => ({ ...run, states: mapTensors(run.states, maps.toCandidate) }));
  const check = (outputs: Record<string, Tensor>) => {
    // Results leave the list as they are compared, so that they can leave memory, too.
    for (const [name, expected] of Object.entries(results.shift()!)) {
      const got = outputs[name];
      if (got === undefined) throw new SlimError(`the smaller model has no output '${name}'`);
      const state = inputOf.get(name);
      if (state === undefined) tally.compare(name, expected, got);
      else tally.compare(name, maps.comparedOfOriginal(state, expected), maps.comparedOfCandidate(state, got));
    }
    tally.batches++;
  };
  await runAll(runtime, smaller, theirs, states, check, { what: 'the smaller model does not run on the same inputs' });
  return tally;
}

/** What is said before and after the sizes of inputs on which a model does not run. */
interface Failure {
  readonly what: string;
  readonly advice?: string;
}

/** Runs a model on all windows of all runs, states carried within each; a SlimError says on what it does not run. */
export async function runAll(
  runtime: Runtime,
  model: Model,
  runs: readonly Run[],
  states: readonly StatePair[],
  each: (outputs: Record<string, Tensor>) => void,
  failure: Failure,
): Promise<void> {
  const session = await runtime.createSession(timeFirst(model));
  try {
    for (const run of runs) {
      let carried = run.states;
      for (const window of run.windows) {
        const outputs = await runOrExplain(session, { ...window, ...carried }, failure);
        carried = Object.fromEntries(states.map((s) => [s.input, outputs[s.output]!]));
        each(outputs);
      }
    }
  } finally {
    await session.release();
  }
}

async function runOrExplain(
  session: Session,
  feeds: Tensors,
  { what, advice = '' }: Failure,
): Promise<Record<string, Tensor>> {
  try {
    return await session.run(feeds);
  } catch (error) {
    const sizes = Object.entries(feeds).map(([name, { dims }]) => `${name} [${dims}]`);
    const reason = error instanceof Error ? error.message : String(error);
    throw new SlimError(`${what} (${sizes.join(', ')}): ${reason}${advice}`, { cause: error });
  }
}

/** The windows with their states apart: those of the first, else zero. */
function givenRun(model: Model, states: ReadonlySet<string>, windows: readonly Tensors[]): Run {
  const pick = (window: Tensors, wanted: boolean) =>
    Object.fromEntries(Object.entries(window).filter(([name]) => states.has(name) === wanted));
  const first = windows[0]!;
  return {
    windows: windows.map((window) => pick(window, false)),
    states: { ...zeroStates(model.graph, states, first), ...pick(first, true) },
  };
}

/** One run from zero states; a second one from random states if the model has any. */
function randomRuns(model: Model, states: ReadonlySet<string>, batches: number, random: () => number): Run[] {
  const sizes = smallSizes(model.graph);
  const make = (wanted: boolean) =>
    Object.fromEntries(
      model.graph.inputs
        .filter((v) => states.has(v.name) === wanted)
        .map((v) => [v.name, randomTensor(v, model.graph, boundDims(v, sizes), random, sizes)]),
    );
  const windows = () => Array.from({ length: batches }, () => make(false));
  // The random states of the first run are drawn and not used: seeds keep the inputs that they have always stood for.
  const zero = mapTensors(make(true), (_, { data, ...rest }) => ({
    ...rest,
    data: emptyData(rest.elementType, data.length),
  }));
  const fromZero = { windows: windows(), states: zero };
  return states.size === 0 ? [fromZero] : [fromZero, { windows: windows(), states: make(true) }];
}

function mapTensors(tensors: Tensors, change: StateMap): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(name, tensor)]));
}
