import { SlimError, UsageError } from '../base/errors.ts';
import type { StatePair } from '../graph/states.ts';
import { emptyData } from '../graph/tensors.ts';
import type { Graph, Model, Tensor } from '../graph/types.ts';
import { timeFirst } from '../passes/timeFirst.ts';
import type { Runtime, Session, Tensors } from '../runtime/runtime.ts';
import { Branches } from './branches.ts';
import { choicesOf, turnsOf } from './choices.ts';
import { zeroStates } from './givenInputs.ts';
import { boundDims, randomTensor, smallSizes } from './randomInputs.ts';
import type { StateMap } from './stateMaps.ts';

/** Consecutive windows. */
export interface Run {
  readonly windows: readonly Tensors[];
  /** States before the first window, by input name. */
  readonly states: Tensors;
}

/** What is said before and after the sizes of inputs on which a model does not run. */
export interface Failure {
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
    for (const run of runs) await runOnce(session, run, states, each, failure);
  } finally {
    await session.release();
  }
}

async function runOnce(
  session: Session,
  run: Run,
  states: readonly StatePair[],
  each: (outputs: Record<string, Tensor>) => void,
  failure: Failure,
): Promise<void> {
  let carried = run.states;
  for (const window of run.windows) {
    const outputs = await runOrExplain(session, { ...window, ...carried }, failure);
    carried = Object.fromEntries(states.map((s) => [s.input, outputs[s.output]!]));
    each(outputs);
  }
}

/** Hears on how many windows the original, or the smaller model, has run. */
export type WindowListener = (model: 'original' | 'smaller', windows: number) => void;

/** What a model gave on its runs. */
export interface Results {
  /** Those that were asked for, then those that take branches which these did not. */
  readonly runs: readonly Run[];
  /** Of each window of each run. */
  readonly outputs: Record<string, Tensor>[];
  /** Branches that no run takes, in words. */
  readonly untaken: readonly string[];
}

/** Runs a model on all of `runs`, then on as many of `more` as take branches that no run has taken before. */
export async function runBranches(
  runtime: Runtime,
  model: Model,
  runs: readonly Run[],
  more: Iterable<Run>,
  states: readonly StatePair[],
  failure: Failure,
  onWindow?: WindowListener,
): Promise<Results> {
  const branches = new Branches(model);
  const session = await runtime.createSession(timeFirst(branches.model));
  const done: Run[] = [];
  const outputs: Record<string, Tensor>[] = [];
  const perform = async (run: Run) => {
    const own: Record<string, Tensor>[] = [];
    const before = branches.untaken.length;
    await runOnce(
      session,
      run,
      states,
      (made) => {
        own.push(branches.observe(made));
        onWindow?.('original', outputs.length + own.length);
      },
      failure,
    );
    if (done.length >= runs.length && branches.untaken.length === before) return;
    done.push(run);
    outputs.push(...own);
  };
  try {
    for (const run of runs) await perform(run);
    if (branches.untaken.length > 0) {
      for (const run of more) {
        // A model need not run on every size.
        await perform(run).catch(ignoreRefusal);
        if (branches.untaken.length === 0) break;
      }
    }
  } finally {
    await session.release();
  }
  return { runs: done, outputs, untaken: branches.untaken };
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof SlimError)) throw error;
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
export function givenRun(model: Model, states: ReadonlySet<string>, windows: readonly Tensors[]): Run {
  const pick = (window: Tensors, wanted: boolean) =>
    Object.fromEntries(Object.entries(window).filter(([name]) => states.has(name) === wanted));
  const first = windows[0]!;
  return {
    windows: windows.map((window) => pick(window, false)),
    states: { ...zeroStates(model.graph, states, first), ...pick(first, true) },
  };
}

/** Draws inputs of a graph, or its states, for a turn of what its decisions turn on. */
type Draw = (wanted: 'inputs' | 'states', turn: number) => Record<string, Tensor>;

function drawing(graph: Graph, states: ReadonlySet<string>, sizes: Record<string, number>, random: () => number): Draw {
  return (wanted, turn) =>
    Object.fromEntries(
      graph.inputs
        .filter((v) => states.has(v.name) === (wanted === 'states'))
        .map((v) => [v.name, randomTensor(v, graph, boundDims(v, sizes), random, sizes, turn)]),
    );
}

/** Windows at most that are added so that inputs take each of their choices. */
const MOST_WINDOWS = 8;

/** One run from zero states; a second one from random states if the model has any. */
export function randomRuns(
  { graph }: Model,
  states: ReadonlySet<string>,
  batches: number,
  random: () => number,
): readonly Run[] {
  const draw = drawing(graph, states, smallSizes(graph), random);
  const count = Math.max(batches, Math.min(turnsOf(graph), MOST_WINDOWS));
  const windows = (from: number) => Array.from({ length: count }, (_, i) => draw('inputs', from + i));
  // The random states of the first run are drawn and not used: seeds keep the inputs that they have always stood for.
  const zero = mapTensors(draw('states', 0), (_, { data, ...rest }) => ({
    ...rest,
    data: emptyData(rest.elementType, data.length),
  }));
  const fromZero = { windows: windows(0), states: zero };
  return states.size === 0 ? [fromZero] : [fromZero, { windows: windows(count), states: draw('states', 0) }];
}

/** Runs of one window with every choice that inputs have, and with other sizes where branches ask for those. */
export function* branchRuns({ graph }: Model, states: ReadonlySet<string>, random: () => number): Generator<Run> {
  for (const sizes of sizesToTry(graph)) {
    const draw = drawing(graph, states, sizes, random);
    for (let turn = 0; turn < turnsOf(graph); turn++) {
      try {
        yield { windows: [draw('inputs', turn)], states: draw('states', turn) };
      } catch (error) {
        // Inputs that cannot be drawn were given, and no more can be tried.
        if (error instanceof UsageError) return;
        throw error;
      }
    }
  }
}

function* sizesToTry(graph: Graph): Generator<Record<string, number>> {
  const { sizes } = choicesOf(graph);
  yield smallSizes(graph);
  for (const [name, values] of sizes) for (const size of values) yield smallSizes(graph, { [name]: size });
  yield smallSizes(graph, Object.fromEntries([...sizes.keys()].map((name) => [name, 1])));
}

/** Tensors by name, each changed. */
export function mapTensors(tensors: Tensors, change: StateMap): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(name, tensor)]));
}
