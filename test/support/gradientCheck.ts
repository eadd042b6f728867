import { differentiate } from '../../src/autodiff/differentiate.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { isFloat } from '../../src/graph/elementTypes.ts';
import { modelOf } from '../../src/graph/model.ts';
import { add, cast, mul, reduceSum } from '../../src/graph/ops.ts';
import type { Graph, Tensor } from '../../src/graph/types.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import type { Tensors } from '../../src/runtime/runtime.ts';
import { graphOver, largestDifference, numbersOf, randomTensor } from './graphs.ts';

/*
 * For tests: gradients beside finite differences, both executed by ONNX Runtime. The loss is Σ w ⊙ y over the
 * graph's outputs y with fixed random weights w, so that no symmetry of an operator hides a mistake. The differences
 * are of fourth order and summed in float64, which leaves float32's rounding of y as the only error worth a name.
 */

/** How gradients are compared. */
export interface CheckOptions {
  /** Inputs to differentiate for; all float inputs when left out. */
  readonly wrt?: readonly string[];
  /** Outputs that the loss sees; all float outputs when left out. */
  readonly seen?: readonly string[];
  /** A rewrite of the finished gradient graph that must not change what it computes. */
  readonly rewrite?: (graph: Graph) => Graph;
}

/** Half the distance between neighbouring points of the difference; stay twice as far from kinks. */
const STEP = 0.01;
/** Accepted difference, relative to the largest entry of the gradient. */
const TOLERANCE = 1e-3;

/** One line for each gradient that differs from finite differences; an empty list when all agree. */
export async function wrongGradients(graph: Graph, feeds: Tensors, options: CheckOptions = {}): Promise<string[]> {
  const { rewrite = (g) => g } = options;
  const floatNames = (values: Graph['inputs']) => values.filter((v) => isFloat(v.type.elementType)).map((v) => v.name);
  const wrt = options.wrt ?? floatNames(graph.inputs);
  const seen = options.seen ?? floatNames(graph.outputs);
  const { loss, graph: withLoss } = weighted(graph, seen);
  const { graph: whole, gradients } = differentiate(withLoss, loss, wrt);
  const forward = await nodeRuntime.createSession(modelOf(graph), { threads: 1 });
  const backward = await nodeRuntime.createSession(modelOf(rewrite(whole)), { threads: 1 });
  try {
    const values = await forward.run(feeds, { outputs: seen });
    const weights = new Map(seen.map((name, i) => [name, randomTensor(values[name]!.dims, 100 + i)]));
    const lossAt = async (changed: Tensors) => {
      const y = await forward.run(changed, { outputs: seen });
      return seen.reduce((sum, name) => sum + dot(weights.get(name)!, y[name]!), 0);
    };
    const weightFeeds = Object.fromEntries([...weights].map(([name, w]) => [weightName(name), w]));
    const got = await backward.run({ ...feeds, ...weightFeeds });
    const wrong: string[] = [];
    for (const name of seen) {
      const difference = largestDifference(numbersOf(values[name]!), numbersOf(got[name]!));
      if (!(difference < 1e-5)) wrong.push(`output ${name} itself changed by ${difference}`);
    }
    for (const name of wrt) {
      const expected = await finiteDifferences(lossAt, feeds, name);
      const found = got[gradients.get(name)!]!;
      const line = compare(feeds[name]!, expected, found);
      if (line) wrong.push(`${name}: ${line}`);
    }
    return wrong;
  } finally {
    await forward.release();
    await backward.release();
  }
}

const weightName = (output: string) => `weight/${output}`;

/** The graph with the loss Σ w ⊙ y, the weights w being further inputs. */
function weighted(graph: Graph, seen: readonly string[]): { graph: Graph; loss: string } {
  const b = GraphBuilder.from(graph);
  const terms = seen.map((name) => {
    const y = b.value(name);
    const w = b.input(weightName(name), 'float32', y.type.shape ?? []);
    return reduceSum(mul(w, y.type.elementType === 'float32' ? y : cast(y, 'float32')));
  });
  return { loss: terms.reduce((a, c) => add(a, c)).name, graph: b.build() };
}

/** f'(x) ≈ (f(x−2h) − 8 f(x−h) + 8 f(x+h) − f(x+2h)) / 12h for every entry of one input. */
export async function finiteDifferences(
  lossAt: (feeds: Tensors) => Promise<number>,
  feeds: Tensors,
  name: string,
  step = STEP,
): Promise<number[]> {
  const original = feeds[name]!;
  const values = numbersOf(original);
  const slopes: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const at = (offset: number) => {
      const moved = [...values];
      moved[i] = values[i]! + offset;
      return lossAt({ ...feeds, [name]: tensorLike(original, moved) });
    };
    const [a, b, c, d] = [await at(-2 * step), await at(-step), await at(step), await at(2 * step)];
    slopes.push((a - 8 * b + 8 * c - d) / (12 * step));
  }
  return slopes;
}

function compare(input: Tensor, expected: readonly number[], found: Tensor): string | undefined {
  if (found.dims.join() !== input.dims.join()) return `has shape [${found.dims}], the value has [${input.dims}]`;
  const got = numbersOf(found);
  const scale = Math.max(1e-2, ...expected.map(Math.abs));
  const at = expected.findIndex((e, i) => !(Math.abs(e - got[i]!) <= TOLERANCE * scale));
  if (at < 0) return undefined;
  return `entry ${at} is ${got[at]}, finite differences give ${expected[at]} (largest entry ${scale})`;
}

function tensorLike(tensor: Tensor, values: readonly number[]): Tensor {
  const data = tensor.elementType === 'float64' ? Float64Array.from(values) : Float32Array.from(values);
  return { ...tensor, data };
}

function dot(a: Tensor, b: Tensor): number {
  const [x, y] = [numbersOf(a), numbersOf(b)];
  return x.reduce((sum, v, i) => sum + v * y[i]!, 0);
}

/** One use of an operator whose gradient is to be checked. */
export interface GradientCase {
  readonly op: string;
  readonly variant: string;
  /** Runs the check; see `wrongGradients`. Throws when the graph does not contain the operator. */
  readonly wrong: () => Promise<string[]>;
}

/**
 * A table's entry: `gradientCase('Add', 'bias', { x: distinct([2, 3]), b: distinct([3]) }, ({ x, b }) => add(x, b))`.
 */
export function gradientCase<K extends string>(
  op: string,
  variant: string,
  inputs: Readonly<Record<K, Tensor>>,
  build: (values: Record<K, Value>, b: GraphBuilder) => Value | readonly Value[],
): GradientCase {
  const wrong = async () => {
    const graph = graphOver(inputs, build);
    if (!graph.nodes.some((n) => n.op === op)) throw new Error(`the graph for ${op} (${variant}) does not contain it`);
    return wrongGradients(graph, inputs);
  };
  return { op, variant, wrong };
}
