import { UsageError } from '../../base/errors.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { sizeOf } from '../../graph/dims.ts';
import type { Op } from '../../graph/operators.ts';
import {
  add,
  apply,
  cast,
  div,
  equal,
  exp,
  greater,
  log,
  logSoftmax,
  max,
  mul,
  reduceSum,
  sub,
} from '../../graph/ops.ts';
import { removeDeadNodes } from '../../graph/rewrite.ts';
import type { Graph } from '../../graph/types.ts';
import { ending, moved } from '../arrays/endings.ts';
import { LOSS, type LossGraph, TARGETS } from '../task.ts';
import { type OutputAxes, type OutputKind, placeRows } from './outputAxes.ts';

/** Below this a probability counts as 0 in a logarithm. */
const SMALLEST = 1e-12;

/** Input with the teacher's answers for an output: float32 [R, classes], or [R] without classes. */
export const answersName = (output: number) => (output === 0 ? TARGETS : `${TARGETS}.${output}`);
/** Input with the weight of each place of an output, float32 [R]: 0 for those that do not count. */
export const weightsName = (output: number) => `slimrnn/weights.${output}`;

/** What is summed of each output, by weight over its places. */
export type OutputSum = 'error' | 'power' | 'agreeing' | 'decisions';
/** Output of the loss graph with one of these sums. */
export const sumName = (sum: OutputSum, output: number) => `slimrnn/${sum}.${output}`;

/** The sums that an output has: only what decides can agree. */
function sumsOf({ kind }: OutputAxes): readonly OutputSum[] {
  return kind === 'values' ? ['error', 'power'] : ['error', 'power', 'agreeing', 'decisions'];
}

/**
 * A bound graph with the mean over the outputs of how far each is from the teacher's answers: for classes and
 * probabilities the Kullback-Leibler divergence in nats (Hinton et al. 2015 at temperature 1), for numbers the squared
 * error as a share of the answers' variance. All of these are 0 for a student that does exactly what its teacher does.
 */
export function distillationGraph(
  graph: Graph,
  outputs: readonly OutputAxes[],
  variances: readonly number[],
  batch: number,
): Pick<LossGraph, 'graph' | 'sums'> {
  const b = GraphBuilder.from(graph, { keepOutputs: false });
  const losses: Value[] = [];
  const sums: [name: string, value: Value][] = [];
  for (const [i, output] of outputs.entries()) {
    const { kind, classes } = output;
    const rows = (output.batchAxis === undefined ? 1 : batch) * sizeOf(output.places);
    const answers = b.input(answersName(i), 'float32', classes > 1 ? [rows, classes] : [rows]);
    const weights = b.input(weightsName(i), 'float32', [rows]);
    const weighted = (value: Value) => reduceSum(mul(value, weights));
    const own = placeRows(requireFloat32(b.value(output.name)), output);
    const values = output.isLog ? exp(own) : own;
    const gap = sub(values, answers);
    const squares = overClasses(mul(gap, gap), classes);
    const scores = beforeActivation(b, graph, output);
    // An activation that a loop makes, because a later step reads it, cannot be taken off.
    const apart =
      scores && kind !== 'values'
        ? divergences[kind](placeRows(scores, output), answers)
        : div(squares, variances[i]! * classes);
    losses.push(weighted(apart));
    const summed: Readonly<Record<OutputSum, () => Value>> = {
      error: () => weighted(squares),
      power: () => weighted(overClasses(mul(answers, answers), classes)),
      agreeing: () => weighted(cast(equal(decisions(values, classes), decisions(answers, classes)), 'float32')),
      decisions: () => reduceSum(weights),
    };
    for (const sum of sumsOf(output)) sums.push([sumName(sum, i), summed[sum]()]);
  }
  b.output(div(losses.reduce(add), losses.length), LOSS);
  for (const [name, value] of sums) b.output(value, name);
  return {
    graph: removeDeadNodes(b.build()),
    sums: Object.fromEntries(sums.map(([name]) => [name, 'mean'])),
  };
}

function requireFloat32(value: Value): Value {
  const { elementType } = value.type;
  if (elementType === 'float32') return value;
  throw new UsageError(
    `output '${value.name}' is ${elementType}, and only float32 and float16 are trained; leave it out with --outputs`,
  );
}

/** Activations whose input the divergence of a kind takes, exact where they saturate. */
const undone: Readonly<Record<OutputKind, readonly Op[]>> = {
  classes: ['Softmax', 'LogSoftmax'],
  probability: ['Sigmoid'],
  values: [],
};

/** What goes into the activation of an output, laid out as the output is; undefined where a loop hides it. */
function beforeActivation(b: GraphBuilder, graph: Graph, { name, kind }: OutputAxes): Value | undefined {
  const { activation, moves } = ending(graph, name);
  if (activation === undefined || !undone[kind].some((op) => op === activation.op)) return undefined;
  return moved(b, b.value(activation.inputs[0]!), moves);
}

/** From scores z [R, …] and answers t of the same shape to a divergence for each place [R]. */
const divergences: Readonly<Record<Exclude<OutputKind, 'values'>, (z: Value, t: Value) => Value>> = {
  /** Σ t (log t − log softmax(z)) */
  classes: (z, t) => reduceSum(mul(t, sub(log(max(t, SMALLEST)), logSoftmax(z, 1))), [1]),
  /** log(1 + eᶻ) − t z + t log t + (1 − t) log(1 − t) */
  probability: (z, t) => {
    const rest = sub(1, t);
    const entropy = add(mul(t, log(max(t, SMALLEST))), mul(rest, log(max(rest, SMALLEST))));
    return add(sub(apply('Softplus', [z]), mul(t, z)), entropy);
  },
};

function overClasses(values: Value, classes: number): Value {
  return classes > 1 ? reduceSum(values, [1]) : values;
}

/** What an output decides at each place [R]: the class, or whether the probability is above a half. */
function decisions(values: Value, classes: number): Value {
  return classes > 1 ? apply('ArgMax', [values], { axis: 1, keepdims: 0 }) : cast(greater(values, 0.5), 'int64');
}
