import { intAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { add, concat, matmul, mul, split, sub } from '../graph/ops.ts';
import type { Cell, CellParts, Step } from './cell.ts';

/**
 * Gated recurrent unit (Cho et al. 2014; gates in ONNX order z, r, n), with σ, g = sigmoid, tanh by default:
 *   z, r = σ(W x_t + R h_{t−1} + b)    n: see the two forms    h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}
 */
export const gru: Cell = {
  activations: ['Sigmoid', 'Tanh'],
  biasInLoop: resetsAfterProduct,
  equations: (parts) => (resetsAfterProduct(parts.node) ? resetAfter(parts) : resetBefore(parts)),
};

function resetsAfterProduct(node: CellParts['node']): boolean {
  return intAttribute(node, 'linear_before_reset', 0) !== 0;
}

/** The form of cuDNN, PyTorch and Keras, one recurrent product a step: n = g(W x_t + b_W + r ⊙ (R h_{t−1} + b_R)). */
function resetAfter({ recurrent, recurrentBias, activations: [σ, g] }: CellParts): Step {
  return (x, [h]) => {
    const product = matmul(recurrent, h!);
    const [xz, xr, xn] = split(x, 3, 0);
    const [hz, hr, hn] = split(recurrentBias ? add(product, recurrentBias) : product, 3, 0);
    const z = σ!(add(xz!, hz!));
    const r = σ!(add(xr!, hr!));
    return [interpolate(z, g!(add(xn!, mul(r, hn!))), h!)];
  };
}

/** The form of the paper, the candidate's product after the reset: n = g(W x_t + R (r ⊙ h_{t−1}) + b). */
function resetBefore({ recurrent, activations: [σ, g] }: CellParts): Step {
  const [rz, rr, rn] = split(recurrent, 3, 0);
  const gates = concat([rz!, rr!], 0);
  return (x, [h]) => {
    const [xz, xr, xn] = split(x, 3, 0);
    const [hz, hr] = split(matmul(gates, h!), 2, 0);
    const z = σ!(add(xz!, hz!));
    const r = σ!(add(xr!, hr!));
    return [interpolate(z, g!(add(xn!, matmul(rn!, mul(r, h!)))), h!)];
  };
}

/** (1 − z) ⊙ n + z ⊙ h, with one product. */
function interpolate(z: Value, n: Value, h: Value): Value {
  return add(n, mul(z, sub(h, n)));
}
