import { SlimError, UsageError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { type Difference, Tally } from './difference.ts';
import { branchRuns, givenRun, mapTensors, randomRuns, runAll, runBranches } from './runs.ts';
import { type RemovalFrom, stateMaps } from './stateMaps.ts';

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
  /** Accepts branches of an If that no input takes; `Difference.untaken` names them. */
  readonly unverifiedBranches?: boolean;
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

async function tallyOf(
  runtime: Runtime,
  original: Model,
  candidate: Model | (() => Model),
  { seed = 1, batches = 3, feeds, states = statesOf(original), removal, unverifiedBranches = false }: VerifyOptions,
): Promise<Tally> {
  if (batches < 1 || feeds?.length === 0) throw new UsageError('a comparison needs at least one window');
  const inputs = new Set(states.map((s) => s.input));
  const random = randomStream(seed);
  const asked = feeds ? [givenRun(original, inputs, feeds)] : randomRuns(original, inputs, batches, random);
  const what = `the model does not run on ${feeds ? 'the given' : 'random'} inputs`;
  const failure = { what, advice: '; give some that it is made for (--inputs FILE)' };
  const more = branchRuns(original, inputs, random);
  const { runs, outputs: results, untaken } = await runBranches(runtime, original, asked, more, states, failure);
  if (untaken.length > 0 && !unverifiedBranches) refuseUntaken(untaken);

  const maps = stateMaps(original, removal);
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
      if (state === undefined) {
        tally.compare(name, expected, got);
        continue;
      }
      const [theirs, ours] = [maps.comparedOfOriginal(state, expected), maps.comparedOfCandidate(state, got)];
      tally.compare(name, theirs, ours, expected.data.length);
    }
    tally.batches++;
  };
  await runAll(runtime, smaller, theirs, states, check, { what: 'the smaller model does not run on the same inputs' });
  tally.untaken = untaken;
  return tally;
}

function refuseUntaken(untaken: readonly string[]): never {
  throw new SlimError(
    `refused: ${untaken.join(' and ')} ${untaken.length === 1 ? 'was' : 'were'} never taken, so that it is not known ` +
      'whether both models compute the same there; give inputs that take it (--inputs FILE), or accept that ' +
      '(--unverified-branches)',
  );
}
