import { SlimError, UsageError } from '../base/errors.ts';
import { percent } from '../base/format.ts';
import { randomStream } from '../base/random.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { type Difference, Tally } from './difference.ts';
import { noiseOf } from './noise.ts';
import { PROBABILITY_ERROR, probabilitiesOf, withOutputs } from './probabilities.ts';
import { beyondRounding, type Far, roundingOf } from './rounding.ts';
import {
  branchRuns,
  givenRun,
  mapTensors,
  type Run,
  randomRuns,
  runAll,
  runBranches,
  type WindowListener,
} from './runs.ts';
import { type RemovalFrom, stateMaps } from './stateMaps.ts';

export type { Difference } from './difference.ts';

/** How two models are compared. */
export interface VerifyOptions {
  readonly seed?: number;
  /** Consecutive windows of each run; two runs, one from zero states and one from random ones. */
  readonly batches?: number;
  /** Windows to run on instead of random ones; states that the first one does not have start at zero. */
  readonly feeds?: readonly Tensors[];
  /** How many of the `feeds` come first only for their states, which are carried on, and are not compared. */
  readonly warmUp?: number;
  /** Streaming states of the original; absent: those in its metadata. */
  readonly states?: readonly StatePair[] | undefined;
  /** Limit of `assertEqual` on the relative difference; absent: `roundingOf` the original. */
  readonly tolerance?: number;
  /** Hears how many windows each model has run on. */
  readonly onWindow?: WindowListener;
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
  const { tally } = await comparisonOf(runtime, original, candidate, options);
  refuseNothing(tally);
  return tally.difference;
}

/**
 * Stops with a SlimError when two models differ by more than rounding, or at all in outputs that are no reals. Where
 * they differ by more than usual, what rounding does to the original is measured.
 */
export async function assertEqual(
  runtime: Runtime,
  original: Model,
  candidate: Model | (() => Model),
  options: VerifyOptions = {},
): Promise<Difference> {
  const { tally, worst, runs, states, model } = await comparisonOf(runtime, original, candidate, options);
  refuseBlank(tally);
  refuseNothing(tally);
  const tolerance = options.tolerance ?? roundingOf(original);
  const measure = options.tolerance === undefined && (() => noiseOf(runtime, model, runs, states));
  const { far, noise } = await beyondRounding(worst, tolerance, measure);
  tally.noise = noise;
  if (far !== undefined) refuseDifference(far, tolerance, noise);
  if (tally.equal < tally.discrete) {
    const differing = tally.discrete - tally.equal;
    throw new SlimError(
      `refused: ${differing} of ${tally.discrete} elements differ in the outputs that are not real numbers`,
    );
  }
  return tally.difference;
}

/** How far two models are apart that need not be equal. */
export interface Distance extends Difference {
  /** The largest relative difference that counts, and where: of probabilities that of the logits behind them. */
  readonly worst: { readonly output: string; readonly apart: number } | undefined;
}

/**
 * Stops with a SlimError when outputs of two models differ by more than a bound: relative to their size, or in outputs
 * that are no reals by the share of elements. Probabilities whose logits are compared may differ by the bound absolutely.
 */
export async function assertWithin(
  runtime: Runtime,
  original: Model,
  candidate: Model | (() => Model),
  bound: number,
  options: Omit<VerifyOptions, 'tolerance'> = {},
): Promise<Distance> {
  const { tally, worst } = await comparisonOf(runtime, original, candidate, options, bound);
  refuseBlank(tally);
  refuseNothing(tally);
  const permits = `the bound is ${percent(bound)}; --bound permits more`;
  const { far } = await beyondRounding(worst, bound, false);
  if (far !== undefined) {
    throw new SlimError(`refused: outputs are off by up to ${percent(far[1])} (relative), in '${far[0]}'; ${permits}`);
  }
  const differing = tally.discrete === 0 ? 0 : 1 - tally.equal / tally.discrete;
  if (differing > bound) {
    const where = 'of the elements differ in the outputs that are not real numbers';
    throw new SlimError(`refused: ${percent(differing)} ${where}; ${permits}`);
  }
  const [largest] = [...worst].sort(([, a], [, b]) => b - a);
  return { ...tally.difference, worst: largest && { output: largest[0], apart: largest[1] } };
}

/** Throws a SlimError where an output never was a number. */
function refuseBlank({ blank }: Tally): void {
  if (blank.size === 0) return;
  const names = [...blank].map((name) => `'${name}'`).join(', ');
  throw new SlimError(
    `refused: the model gives only NaN and infinity at ${names} on these inputs, which proves nothing; ` +
      'give some that it is made for (--inputs FILE)',
  );
}

function refuseDifference([name, apart]: Far, tolerance: number, noise: number | undefined): never {
  const measured = noise === undefined ? '' : `; rounding itself makes ${noise.toPrecision(1)} in this model`;
  throw new SlimError(
    `refused: the outputs of the two models differ by ${apart.toPrecision(3)} (relative), more than rounding ` +
      `(${tolerance})${measured}, at worst in '${name}'; --tolerance permits more`,
  );
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

/** Two models compared, and on what. */
interface Comparison {
  readonly tally: Tally;
  /** The largest relative difference of each output, and of the logits behind probabilities. */
  readonly worst: ReadonlyMap<string, number>;
  readonly runs: readonly Run[];
  readonly states: readonly StatePair[];
  /** The original as it was run: with those logits among its outputs. */
  readonly model: Model;
}

async function comparisonOf(
  runtime: Runtime,
  original: Model,
  candidate: Model | (() => Model),
  {
    seed = 1,
    batches = 3,
    feeds,
    warmUp = 0,
    states = statesOf(original),
    removal,
    unverifiedBranches = false,
    onWindow,
  }: VerifyOptions,
  probabilityError = PROBABILITY_ERROR,
): Promise<Comparison> {
  if (batches < 1 || (feeds && feeds.length <= warmUp)) throw new UsageError('a comparison needs at least one window');
  const inputs = new Set(states.map((s) => s.input));
  const random = randomStream(seed);
  const asked = feeds ? [givenRun(original, inputs, feeds)] : randomRuns(original, inputs, batches, random);
  const what = `the model does not run on ${feeds ? 'the given' : 'random'} inputs`;
  const failure = { what, advice: '; give some that it is made for (--inputs FILE)' };
  const more = branchRuns(original, inputs, random);
  const logits = probabilitiesOf(original.graph);
  const model = withOutputs(original, logits.values());
  const { runs, outputs: results, untaken } = await runBranches(runtime, model, asked, more, states, failure, onWindow);
  if (untaken.length > 0 && !unverifiedBranches) refuseUntaken(untaken);

  const smaller = typeof candidate === 'function' ? candidate() : candidate;
  const theirs = withOutputs(smaller, logits.values());
  const names = new Set(theirs.graph.outputs.map((v) => v.name));
  // Without logits to compare, small probabilities must speak for them.
  const tally = new Tally((name) => (names.has(logits.get(name) ?? '') ? probabilityError : 0));
  const hidden = new Tally();
  const own = new Set(original.graph.outputs.map((v) => v.name));
  const maps = stateMaps(original, removal);
  const inputOf = new Map(states.map((s) => [s.output, s.input]));
  let windows = 0;
  const check = (outputs: Record<string, Tensor>) => {
    windows++;
    if (windows > warmUp) compare(outputs);
    else results.shift();
    onWindow?.('smaller', windows);
  };
  const compare = (outputs: Record<string, Tensor>) => {
    // Results leave the list as they are compared, so that they can leave memory, too.
    for (const [name, expected] of Object.entries(results.shift()!)) {
      const got = outputs[name];
      const state = inputOf.get(name);
      if (got === undefined && own.has(name)) throw new SlimError(`the smaller model has no output '${name}'`);
      if (got === undefined) continue;
      if (!own.has(name)) hidden.compare(name, expected, got);
      else if (state === undefined) tally.compare(name, expected, got);
      else {
        const parts = [maps.comparedOfOriginal(state, expected), maps.comparedOfCandidate(state, got)] as const;
        tally.compare(name, ...parts, expected.data.length);
      }
    }
    tally.batches++;
  };
  const mapped = runs.map((run) => ({ ...run, states: mapTensors(run.states, maps.toCandidate) }));
  await runAll(runtime, theirs, mapped, states, check, { what: 'the smaller model does not run on the same inputs' });
  tally.untaken = untaken;
  return { tally, worst: new Map([...tally.worstOf, ...hidden.worstOf]), runs, states, model };
}

/** Throws the SlimError for branches that nothing has verified. */
export function refuseUntaken(untaken: readonly string[]): never {
  throw new SlimError(
    `refused: ${untaken.join(' and ')} ${untaken.length === 1 ? 'was' : 'were'} never taken, so that it is not known ` +
      'whether both models compute the same there; give inputs that take it (--inputs FILE), or accept that ' +
      '(--unverified-branches)',
  );
}
