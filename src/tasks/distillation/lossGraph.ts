import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { sizeOf } from '../../graph/dims.ts';
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
import { placeRows } from './rows.ts';
import type { OutputKind, Taught } from './taught.ts';

/** Below this a probability counts as 0 in a logarithm. */
const SMALLEST = 1e-12;

/** Input with the teacher's answers for an output: float32 [R, classes], or [R] without classes. */
export const answersName = (output: number) => (output === 0 ? TARGETS : `${TARGETS}.${output}`);
/** Input that has 1 for each place that counts, else 0: float32 [R]. */
export const countsName = (output: number) => `slimrnn/counts.${output}`;

/** What is summed of each output, over the places that count. */
export type OutputSum = 'error' | 'power' | 'agreeing' | 'decisions';
/** Output of the loss graph with one of these sums. */
export const sumName = (sum: OutputSum, output: number) => `slimrnn/${sum}.${output}`;

/** The sums that an output has: only what decides can agree. */
export function sumsOf({ kind }: Taught): readonly OutputSum[] {
  return kind === 'values' ? ['error', 'power'] : ['error', 'power', 'agreeing', 'decisions'];
}

/**
 * A bound graph with the mean over the outputs of how far each is from the teacher's answers: for classes and
 * probabilities the Kullback-Leibler divergence in nats (Hinton et al. 2015 at temperature 1), for numbers the squared
 * error as a share of the answers' variance. All of these are 0 for a student that does exactly what its teacher does.
 */
export function distillationGraph(
  graph: Graph,
  taught: readonly Taught[],
  variances: readonly number[],
  batch: number,
): Pick<LossGraph, 'graph' | 'sums'> {
  const b = GraphBuilder.from(graph, { keepOutputs: false });
  const losses: Value[] = [];
  const sums: (() => void)[] = [];
  for (const [i, output] of taught.entries()) {
    const { kind, classes } = output;
    const rows = (output.batchAxis === undefined ? 1 : batch) * sizeOf(output.places);
    const answers = b.input(answersName(i), 'float32', classes > 1 ? [rows, classes] : [rows]);
    const counts = b.input(countsName(i), 'float32', [rows]);
    const own = placeRows(b.value(output.name), output);
    const before = beforeActivation(b, graph, output);
    const each = before ? divergences[before.kind](placeRows(before.value, output), answers) : undefined;
    const values = kind === 'log-classes' ? exp(own) : own;
    const gap = sub(values, answers);
    const squares = overClasses(mul(gap, gap), classes);
    const loss = each ?? div(squares, variances[i]!);
    losses.push(div(reduceSum(mul(loss, counts)), max(reduceSum(counts), 1)));
    const total = (value: Value) => reduceSum(mul(value, counts));
    sums.push(() => {
      b.output(total(squares), sumName('error', i));
      b.output(total(overClasses(mul(answers, answers), classes)), sumName('power', i));
      if (kind === 'values') return;
      b.output(
        total(cast(equal(decisions(values, classes), decisions(answers, classes)), 'float32')),
        sumName('agreeing', i),
      );
      b.output(reduceSum(counts), sumName('decisions', i));
    });
  }
  b.output(div(losses.reduce(add), losses.length), LOSS);
  for (const write of sums) write();
  const names = taught.flatMap((output, i) => sumsOf(output).map((sum) => sumName(sum, i)));
  return { graph: removeDeadNodes(b.build()), sums: Object.fromEntries(names.map((name) => [name, 'sum'])) };
}

/** What goes into the activation of an output, laid out as the output is; none where a loop hides it. */
function beforeActivation(b: GraphBuilder, graph: Graph, { name, kind }: Taught) {
  if (kind === 'values') return undefined;
  const { activation, moves } = ending(graph, name);
  const op = activation?.op;
  const isClasses = op === 'Softmax' || op === 'LogSoftmax';
  if (kind === 'probability' ? op !== 'Sigmoid' : !isClasses) return undefined;
  return {
    kind: isClasses ? ('classes' as const) : ('probability' as const),
    value: moved(b, b.value(activation!.inputs[0]!), moves),
  };
}

/** From scores z [R, …] and answers t of the same shape to a divergence for each place [R]. */
const divergences: Readonly<Record<Extract<OutputKind, 'classes' | 'probability'>, (z: Value, t: Value) => Value>> = {
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
