import { floats } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { add, matmul, mul, scan, shapeOf, sigmoid, split, sub, tanh, transpose, unsqueeze } from '../graph/ops.ts';
import type { StatePair } from '../graph/states.ts';
import type { Tensor } from '../graph/types.ts';
import type { Initializer } from '../nn/layers.ts';
import { sharedMask } from '../nn/variationalDropout.ts';

/**
 * One step of a Recurrent Highway Network of depth D with coupled gates, c = 1 − t (Zilly et al. 2017, equations 6–9):
 *   s_0 = y_{t−1},  h_l, t_l = tanh, σ(R_l (m ⊙ s_{l−1}) + [l = 1] W x_t + b_l),
 *   s_l = (h_l − s_{l−1}) ⊙ t_l + s_{l−1},  y_t = s_D,
 * with a column for each example: from `x` [2H, B], which is W x_t + b_1 computed for all steps before the loop, and
 * y_{t−1} [H, B] to y_t [H, B]. R_l are [2H, H], the rows of h above those of t; b_l, without the first, columns
 * [2H, 1]; m, the dropout mask [H, B] of the state, is the same in all micro-layers and steps.
 */
function rhnStep(x: Value, state: Value, recurrent: readonly Value[], biases: readonly Value[], mask?: Value): Value {
  return recurrent.reduce((s, r, l) => {
    const z = add(matmul(r, mask ? mul(s, mask) : s), l === 0 ? x : biases[l - 1]!);
    const [h, t] = split(z, 2, 0);
    return add(mul(sub(tanh(h!), s), sigmoid(t!)), s);
  }, state);
}

/** Sizes and initial values of a layer. */
interface RhnLayerOptions {
  /** I, size of the input. */
  readonly inputs: number;
  /** H, size of the state. */
  readonly hidden: number;
  /** D, micro-layers in a step. */
  readonly depth: number;
  readonly init: Initializer;
  /** Where the biases of the transform gates start: below 0, so that the state is carried at first. */
  readonly transformBias: number;
  /** Probability that dropout keeps a value of the state; one mask serves all steps of a window. */
  readonly keep?: number;
}

/**
 * A Recurrent Highway Network as ONNX's `Scan`, x [T, B, I] → [T, B, H]. Its parameters are `weight` [2H, I], and
 * `recurrent_l` [2H, H] and `bias_l` [2H] of each micro-layer, all with the rows of h above those of t. Its state
 * [B, H] becomes an input of the graph; the caller makes the next state (`state.output`) an output.
 */
export function rhnLayer(
  b: GraphBuilder,
  name: string,
  x: Value,
  { inputs, hidden, depth, init, transformBias, keep = 1 }: RhnLayerOptions,
): { output: Value; state: StatePair } {
  const weight = b.parameter(`${name}.weight`, init([2 * hidden, inputs]));
  const layers = Array.from({ length: depth }, (_, l) => ({
    recurrent: b.parameter(`${name}.recurrent_${l}`, init([2 * hidden, hidden])),
    bias: b.parameter(`${name}.bias_${l}`, biasOf(init([hidden]), transformBias)),
  }));
  // W x_t + b_1 for all steps: [T, B, I] → feature-major [T, 2H, B]
  const projected = transpose(add(matmul(x, transpose(weight, [1, 0])), layers[0]!.bias), [0, 2, 1]);
  const before = b.input(`${name}.s`, 'float32', [x.type.shape?.[1] ?? 'batch', hidden]);
  const initial = transpose(before, [1, 0]);
  const recurrent = layers.map((l) => l.recurrent);
  const biases = layers.slice(1).map((l) => unsqueeze(l.bias, [1]));
  const mask = keep < 1 ? sharedMask(shapeOf(initial), keep) : undefined;
  const body = new GraphBuilder(`${name}_step`, b);
  const state = body.input(`${name}.state`, 'float32', initial.type.shape);
  const input = body.input(`${name}.projected`, 'float32', projected.type.shape?.slice(1));
  const next = rhnStep(input, state, recurrent, biases, mask);
  body.output(next);
  body.output(next);
  const [last, sequence] = scan([initial], [projected], body.build(), { label: name });
  const after = b.node('Transpose', [last], { perm: [1, 0] }, [`${name}.s_next`])[0]!;
  return { output: transpose(sequence!, [0, 2, 1]), state: { input: before.name, output: after.name } };
}

/** [2H]: as made for h, and `transform` for the gates t. */
function biasOf(candidate: Tensor, transform: number): Tensor {
  const values = candidate.data as Float32Array;
  const all = new Float32Array(2 * values.length).fill(transform);
  all.set(values);
  return floats([all.length], all);
}
