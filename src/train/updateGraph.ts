import { SlimError } from '../base/errors.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { abs, add, div, fullLike, less, min, mul, reduceSum, reshape, sqrt, sub, where } from '../graph/ops.ts';
import type { Graph } from '../graph/types.ts';
import type { NodeMatrix, SparsityMethod } from '../methods/method.ts';
import type { NumberOf, Optimizer } from '../optimizers/optimizer.ts';
import { LOSS } from '../tasks/task.ts';
import type { TrainingGraph } from './compile.ts';
import type { Parameter } from './memory.ts';

/** A training graph with the update of its weights behind it. */
export interface UpdateGraph {
  readonly graph: Graph;
  /** Inputs that are numbers of the update: the learning rate, and what the optimizer asks for, by its name. */
  readonly numbers: ReadonlyMap<string, string>;
  /** Weights, slots and carried states: what comes in at `input` comes out, changed, at `output`. */
  readonly moved: readonly { readonly input: string; readonly output: string }[];
  /** Outputs that say what the update did. */
  readonly penalty: string;
  readonly gradientNorm: string;
}

/** The number that every optimizer needs. */
export const RATE = 'rate';

/** Name of the input that a slot of a parameter has. */
export function slotInput(slot: string, parameter: string): string {
  return `slot/${slot}/${parameter}`;
}

interface UpdateGraphOptions {
  readonly parameters: readonly Pick<Parameter, 'name' | 'dims' | 'stored' | 'rows' | 'cols'>[];
  readonly clip: number;
  readonly method: SparsityMethod | undefined;
  readonly optimizer: Optimizer;
}

/**
 * What `updateWeights` does, as nodes behind those of the loss and its gradients, for methods and optimizers that have such a
 * form: weights, slots and carried states go in, and come out as the next update takes them.
 */
export function withUpdate(plan: TrainingGraph, options: UpdateGraphOptions): UpdateGraph {
  const { parameters, clip, method, optimizer } = options;
  const rule = optimizer.nodes;
  if (rule === undefined || (method && !method.nodes)) throw new SlimError('this update has no form as nodes');
  const b = GraphBuilder.from(plan.graph, { keepOutputs: false });
  for (const name of [LOSS, ...Object.keys(plan.sums), ...(plan.judged?.outputs ?? [])]) b.output(b.value(name));
  const inGraph = new Set(plan.graph.inputs.map((v) => v.name));
  const numbers = new Map<string, string>();
  const number: NumberOf = (name) => {
    const known = numbers.get(name);
    if (known !== undefined) return b.value(known);
    const input = b.input(b.unique(`number/${name}`), 'float32', []);
    numbers.set(name, input.name);
    return input;
  };
  const own = parameters.map((parameter) => {
    const { name, dims } = parameter;
    const weights = inGraph.has(name) ? b.value(name) : b.input(name, 'float32', dims);
    const gradient = plan.gradients.get(name);
    const slots = optimizer.slots.map((slot): [string, Value] => [
      slot.name,
      b.input(slotInput(slot.name, name), 'float32', dims),
    ]);
    return {
      ...parameter,
      weights,
      // Where a weight has no part in the loss of these batches its gradient is 0.
      lossGradient: gradient === undefined ? fullLike(weights, 0) : b.value(gradient),
      slots: Object.fromEntries(slots),
      isPenalized: method?.parameters.has(name) ?? false,
    };
  });
  const matrixOf = ({ name, stored, rows, cols }: (typeof own)[number], weights: Value): NodeMatrix => {
    return { name, dims: stored, rows, cols, weights: shaped(weights, [rows, cols]) };
  };
  const penalized = own.filter((p) => p.isPenalized);
  const pressed =
    penalized.length > 0 ? method?.nodes?.penalty(penalized.map((p) => matrixOf(p, p.weights))) : undefined;
  const scale = plan.gradientScale;
  const gradients = own.map(({ name, dims, lossGradient }) => {
    const scaled = scale === 1 ? lossGradient : mul(lossGradient, scale);
    const penalty = pressed?.gradients.get(name);
    return penalty ? add(scaled, shaped(penalty, dims)) : scaled;
  });
  const norm = sqrt(gradients.map((g) => reduceSum(mul(g, g))).reduce(add));
  const factor = Number.isFinite(clip) ? min(div(b.float(clip), norm), 1) : undefined;
  const rate = number(RATE);
  const moved: { input: string; output: string }[] = [];
  const give = (input: string, value: Value) => {
    const output = b.unique(`next/${input}`);
    b.output(value, output);
    moved.push({ input, output });
  };
  const steps = own.map((p, i) => {
    const gradient = factor ? mul(gradients[i]!, factor) : gradients[i]!;
    const made = rule.direction?.({ weights: p.weights, gradient, slots: p.slots }, number);
    const next = sub(p.weights, mul(made?.direction ?? gradient, rate));
    const threshold = p.isPenalized ? (method?.threshold ?? 0) : 0;
    const weights = threshold > 0 ? where(less(abs(next), threshold), 0, next) : next;
    return { ...p, weights, slots: { ...p.slots, ...made?.slots } };
  });
  const isDescent = optimizer.isDescent ?? rule.direction === undefined;
  const step = !isDescent || factor === undefined ? rate : mul(rate, factor);
  const after = method?.nodes?.afterUpdate?.(
    steps.filter((p) => p.isPenalized).map((p) => matrixOf(p, p.weights)),
    step,
  );
  for (const p of steps) {
    const changed = after?.get(p.name);
    const weights = changed ? shaped(changed, p.dims) : p.weights;
    give(p.name, weights);
    const slots = { ...p.slots, ...rule.afterUpdate?.({ weights, slots: p.slots }, number) };
    for (const [slot, value] of Object.entries(slots)) give(slotInput(slot, p.name), value);
  }
  for (const { input, output } of plan.states) give(input, b.value(output));
  const [penalty, gradientNorm] = [b.unique('penalty'), b.unique('gradient_norm')];
  b.output(pressed?.value ?? b.float(0), penalty);
  b.output(norm, gradientNorm);
  return { graph: b.build(), numbers, moved, penalty, gradientNorm };
}

/** A value in other dimensions of the same size. */
function shaped(value: Value, dims: readonly number[]): Value {
  return value.type.shape?.join() === dims.join() ? value : reshape(value, dims);
}
