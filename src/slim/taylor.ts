import { SlimError, UsageError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { modelOf } from '../graph/model.ts';
import { numbersOf } from '../graph/numbers.ts';
import { add, cast, mul, reduceSum } from '../graph/ops.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import type { Graph, Model, Tensor } from '../graph/types.ts';
import type { TracedModel } from '../groups/traceModel.ts';
import { bindDims } from '../passes/bindDims.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import { asFloat32, asFloat32Graph } from '../passes/float32.ts';
import { loopToScan } from '../passes/loopToScan.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';
import { overTime } from '../passes/overTime.ts';
import { simplifyGraph } from '../passes/simplify.ts';
import { toOwnOpset } from '../passes/toOwnOpset.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { givenRun, mapTensors, type Run, runAll } from '../verify/runs.ts';
import { addSquares, GATES, gatedReaders, gateGradients, openGates, rootMeanSquares } from './unitGates.ts';
import { batchParts, evenStarts, stackedWindows, takesOneStep } from './windowParts.ts';

/** How precisely sensitivities are estimated. */
export interface TaylorOptions {
  /** Decides the random signs. */
  readonly seed?: number;
  /** Gradients that are averaged at least; a score is then exact to about 1 / √(2 · draws) of it. */
  readonly draws?: number;
}

/** Cuts of voice models lose 6 % less with 512 gradients, at eight times the cost, and up to half as much again with 16. */
const DRAWS = 64;
/** Most steps over which a gradient goes back, where each window is one, and most numbers that go in at once. */
const STEPS = 32;
const MOST_NUMBERS = 2 ** 20;

/**
 * How much the outputs change, to first order, when all that reads a unit reads 0 instead: for each component k
 *
 *   s_k² = mean over output elements j of ((Σ w · ∂y_j/∂w) / σ_j)², summed over the weights w that read k,
 *
 * with σ_j the root mean square of the output that j belongs to, so that s_k is a relative change. The mean is estimated:
 * with random signs r the square of Σ w · ∂L/∂w for L = Σ r_j y_j / σ_j has the sum over j as its expectation
 * (Hutchinson 1990); there are no labels. States are carried over consecutive windows as in `measureActivity`; windows of one step
 * are differentiated as sequences, others one by one. Outputs that are streaming states count where there are no others.
 * Throws a SlimError where the model has no derivatives or no real outputs, does not run on the inputs, or gives NaN or infinity.
 */
export async function measureTaylor(
  runtime: Runtime,
  { prepared, groups }: TracedModel,
  windows: readonly Tensors[],
  { seed = 1, draws = DRAWS }: TaylorOptions = {},
): Promise<Float64Array> {
  const squares = new Float64Array(groups.count);
  if (!groups.axes.some((axis) => axis.role === 'reads')) return squares;
  requireEqualSizes(windows);
  const states = statesOf(prepared);
  const stateInputs = new Set(states.map((s) => s.input));
  const runOf = (part: readonly Tensors[]) => givenRun(prepared, stateInputs, part);
  const graphOf = ({ windows, states }: Run) => windowGraph(prepared, groups, { ...windows[0]!, ...states });
  const whole = runOf(windows);
  const ofWhole = graphOf(whole);
  const steps = takesOneStep(ofWhole, states) ? stepsTogether(whole.windows, states) : 1;
  const starts = evenStarts(windows.length, steps);
  // Parts with signs of their own tell as much as the whole with new signs for each, and cost less.
  const runs = batchParts(prepared.graph, windows, Math.ceil(draws / starts.length)).map(runOf);
  const step = runs.length === 1 ? ofWhole : graphOf(runs[0]!);
  const { outputs, sequences } = await observe(runtime, prepared, runs, { states, starts, steps });
  const scanned = new Set(Object.keys(whole.windows[0]!));
  const sequence = steps === 1 ? step : overTime(step, { steps, states, scanned });
  const { graph, gradient } = gateGradients(withSigns(sequence, outputs, steps), LOSS);
  const session = await runtime.createSession(modelOf(graph), { name: 'the gradient of the model' });
  const random = randomStream(seed);
  const repeats = Math.ceil(draws / sequences.length);
  try {
    for (const { windows: own, states: before } of sequences) {
      const given = { ...(steps === 1 ? own[0]! : stackedWindows(own)), ...before, [GATES]: openGates(groups) };
      const inputs = mapTensors(given, (_, tensor) => asFloat32(tensor));
      for (let i = 0; i < repeats; i++) {
        const feeds: Tensors = { ...inputs, ...drawSigns(outputs, steps, random) };
        // The gradient need not depend on all of them.
        const used = Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!]));
        addSquares(squares, (await session.run(used))[gradient]!);
      }
    }
  } finally {
    await session.release();
  }
  return rootMeanSquares(squares, sequences.length * repeats);
}

const LOSS = 'slimrnn/loss';
const signsName = (output: number) => `slimrnn/signs.${output}`;

/** A prepared graph with gates, as it is differentiated: float32, our operators, its sizes bound to those of a window. */
function windowGraph(prepared: Model, groups: TracedModel['groups'], window: Tensors): Graph {
  const own = withoutDropout({ ...prepared, graph: constantPerUse(prepared.graph) });
  const gated = gatedReaders(asFloat32Graph(toOwnOpset(own)), groups);
  const sizes: Record<string, number> = {};
  const inputs = gated.inputs.map((info) => {
    const dims = window[info.name]?.dims;
    if (dims === undefined) return info;
    info.type.shape?.forEach((dim, axis) => {
      if (typeof dim === 'string') sizes[dim] = dims[axis]!;
    });
    return { ...info, type: { ...info.type, shape: dims } };
  });
  return lowerRecurrent(loopToScan(simplifyGraph(bindDims({ ...gated, inputs }, sizes))));
}

/** Throws a UsageError for windows of several sizes: one graph is differentiated. */
function requireEqualSizes(windows: readonly Tensors[]): void {
  for (const [name, { dims }] of Object.entries(windows[0]!)) {
    const other = windows.find((window) => window[name] && window[name].dims.join() !== dims.join());
    if (other === undefined) continue;
    throw new UsageError(
      `derivatives need windows of one size: '${name}' is [${dims}] in the first and [${other[name]!.dims}] in another`,
    );
  }
}

/** How many windows make a sequence: one without states to carry. */
function stepsTogether(windows: readonly Tensors[], states: readonly StatePair[]): number {
  if (states.length === 0) return 1;
  const numbers = Object.values(windows[0]!).reduce((sum, { dims }) => sum + sizeOf(dims), 0);
  return Math.max(1, Math.min(STEPS, windows.length, Math.floor(MOST_NUMBERS / numbers)));
}

/** An output that counts: its sizes in a window, and the root mean square of its elements. */
interface SeenOutput {
  readonly name: string;
  readonly dims: readonly number[];
  readonly scale: number;
}

interface Sequences {
  readonly states: readonly StatePair[];
  /** At which windows of a run the sequences start, and how many windows each has. */
  readonly starts: readonly number[];
  readonly steps: number;
}

/** Runs a model: what its outputs are like, and the sequences of its runs with the states before them. */
async function observe(
  runtime: Runtime,
  prepared: Model,
  runs: readonly Run[],
  { states, starts, steps }: Sequences,
): Promise<{ readonly outputs: readonly SeenOutput[]; readonly sequences: readonly Run[] }> {
  const sums = countedOutputs(prepared, states).map((name) => ({
    name,
    dims: [] as readonly number[],
    squares: 0,
    count: 0,
  }));
  const sequences: Run[] = [];
  // The windows of all runs, in the order in which they come out.
  const moments = runs.flatMap((run) => run.windows.map((_, window) => ({ run, window }))).values();
  let now: Tensors = {};
  const each = (results: Record<string, Tensor>) => {
    const { run, window } = moments.next().value!;
    if (window === 0) now = run.states;
    if (starts.includes(window)) sequences.push({ windows: run.windows.slice(window, window + steps), states: now });
    now = Object.fromEntries(states.map((s) => [s.input, results[s.output]!]));
    for (const sum of sums) {
      const tensor = results[sum.name]!;
      sum.dims = tensor.dims;
      for (const value of numbersOf(tensor)!) sum.squares += value * value;
      sum.count += tensor.data.length;
    }
  };
  await runAll(runtime, prepared, runs, states, each, { what: 'the model does not run on the given inputs' });
  // An output that is 0 throughout has no scale of its own.
  const outputs = sums.map(({ name, dims, squares, count }) => ({
    name,
    dims,
    scale: Math.sqrt(squares / count) || 1,
  }));
  return { outputs, sequences };
}

/** Names of the outputs of real numbers that are no streaming states; of all real ones where there are no others. */
function countedOutputs({ graph }: Model, states: readonly StatePair[]): string[] {
  const carried = new Set(states.map((s) => s.output));
  const real = graph.outputs.filter((o) => isFloat(o.type.elementType)).map((o) => o.name);
  const own = real.filter((name) => !carried.has(name));
  if (real.length === 0) throw new SlimError('derivatives rank units by real numbers, and the model puts out none');
  return own.length > 0 ? own : real;
}

/** A graph with L = Σ r_j y_j, where the inputs `signsName` bring r. */
function withSigns(graph: Graph, outputs: readonly SeenOutput[], steps: number): Graph {
  const b = GraphBuilder.from(graph, { keepOutputs: false });
  const terms = outputs.map(({ name, dims }, i) => {
    const signs = b.input(signsName(i), 'float32', overSteps(dims, steps));
    return reduceSum(mul(cast(b.value(name), 'float32'), signs));
  });
  b.output(terms.reduce(add), LOSS);
  return b.build();
}

/** Random signs ±1 / (σ √N) for the outputs of a sequence, N elements in all. */
function drawSigns(outputs: readonly SeenOutput[], steps: number, random: () => number): Tensors {
  const elements = outputs.reduce((sum, { dims }) => sum + steps * sizeOf(dims), 0);
  return Object.fromEntries(
    outputs.map(({ dims, scale }, i): [string, Tensor] => {
      const size = 1 / (scale * Math.sqrt(elements));
      const data = Float32Array.from({ length: steps * sizeOf(dims) }, () => (random() < 0.5 ? -size : size));
      return [signsName(i), { elementType: 'float32', dims: overSteps(dims, steps), data }];
    }),
  );
}

const overSteps = (dims: readonly number[], steps: number) => (steps === 1 ? dims : [steps, ...dims]);
