import { SlimError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { floatAttribute, floatsAttribute, stringsAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import {
  abs,
  add,
  apply,
  cast,
  div,
  exp,
  greater,
  less,
  max,
  min,
  mul,
  type Operand,
  relu,
  sigmoid,
  sub,
  tanh,
  where,
} from '../graph/ops.ts';
import type { Node } from '../graph/types.ts';

/*
 * The activations that ONNX's recurrent operators may name, out of operators that have gradients.
 */

/** An elementwise function. */
export type Activation = (x: Value) => Value;

interface Kind {
  /**
   * Defaults of α and β, as many as the function has: those of the ONNX operator of that name. (ONNX Runtime takes 0
   * instead for Affine, ThresholdedRelu and ScaledTanh, which makes the first and the last of them always 0.)
   */
  readonly defaults: readonly number[];
  readonly f: (x: Value, alpha: number, beta: number) => Value;
}

const kinds = {
  Relu: { defaults: [], f: relu },
  Tanh: { defaults: [], f: tanh },
  Sigmoid: { defaults: [], f: sigmoid },
  // αx + β
  Affine: { defaults: [1, 0], f: (x, alpha, beta) => affine(x, alpha, beta) },
  // x where x ≥ 0, else αx
  LeakyRelu: { defaults: [0.01], f: (x, alpha) => where(less(x, scalar(x, 0)), mul(x, scalar(x, alpha)), x) },
  // x where x > α, else 0
  ThresholdedRelu: { defaults: [1], f: (x, alpha) => where(greater(x, scalar(x, alpha)), x, scalar(x, 0)) },
  // α tanh(βx)
  ScaledTanh: { defaults: [1, 1], f: (x, alpha, beta) => mul(tanh(mul(x, scalar(x, beta))), scalar(x, alpha)) },
  // max(0, min(1, αx + β))
  HardSigmoid: {
    defaults: [0.2, 0.5],
    f: (x, alpha, beta) => max(min(affine(x, alpha, beta), scalar(x, 1)), scalar(x, 0)),
  },
  // x where x ≥ 0, else α(eˣ − 1); the exponent is cut at 0, because the gradient multiplies the unused branch by 0
  Elu: {
    defaults: [1],
    f: (x, alpha) => {
      const below = mul(sub(exp(min(x, scalar(x, 0))), scalar(x, 1)), scalar(x, alpha));
      return where(less(x, scalar(x, 0)), below, x);
    },
  },
  // x / (1 + |x|)
  Softsign: { defaults: [], f: (x) => div(x, add(abs(x), scalar(x, 1))) },
  // ln(1 + eˣ)
  Softplus: { defaults: [], f: (x) => apply('Softplus', [x]) },
} satisfies Record<string, Kind>;

/** Name of an activation in the ONNX standard. */
export type ActivationName = keyof typeof kinds;

const names = Object.keys(kinds) as ActivationName[];

/**
 * The activations of a node, one list per direction, each as long as `standard`; a name may be written in any case. α
 * and β go to the functions that have them, in order, as in ONNX Runtime; as there, `clip` bounds what goes into the
 * gates, f and g, and not the cell's state on its way into LSTM's h. Throws a SlimError for an unknown name or a wrong number of names.
 */
export function activationsOf(node: Node, directions: number, standard: readonly ActivationName[]): Activation[][] {
  const listed = stringsAttribute(node, 'activations') ?? [];
  const given = listed.length > 0 ? listed : Array.from({ length: directions }, () => standard).flat();
  const wanted = directions * standard.length;
  if (given.length !== wanted) {
    throw new SlimError(`${node.op} '${node.name}' names ${given.length} activations, expected ${wanted}: [${given}]`);
  }
  const clip = floatAttribute(node, 'clip', 0);
  const alphas = [...(floatsAttribute(node, 'activation_alpha') ?? [])];
  const betas = [...(floatsAttribute(node, 'activation_beta') ?? [])];
  const all = given.map((written, i): Activation => {
    const name = names.find((n) => n.toLowerCase() === written.toLowerCase());
    if (name === undefined) {
      const hint = didYouMean(written, names);
      throw new SlimError(`${node.op} '${node.name}' has an unknown activation '${written}'${hint}; known: ${names}`);
    }
    const { defaults, f }: Kind = kinds[name];
    const alpha = (defaults.length > 0 ? alphas.shift() : undefined) ?? defaults[0] ?? 0;
    const beta = (defaults.length > 1 ? betas.shift() : undefined) ?? defaults[1] ?? 0;
    const bounded = clip > 0 && i % standard.length < 2;
    return (x) => f(bounded ? clipped(x, clip) : x, alpha, beta);
  });
  return Array.from({ length: directions }, (_, d) => all.slice(d * standard.length, (d + 1) * standard.length));
}

/** A scalar of the element type of `x`. */
export function scalar(x: Value, value: number): Operand {
  const { elementType } = x.type;
  return elementType === 'float32' ? value : cast(x.builder.float(value), elementType);
}

function affine(x: Value, alpha: number, beta: number): Value {
  return add(mul(x, scalar(x, alpha)), scalar(x, beta));
}

function clipped(x: Value, bound: number): Value {
  return max(min(x, scalar(x, bound)), scalar(x, -bound));
}
