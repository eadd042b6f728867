import { SlimError } from '../errors.ts';
import { floatAttribute, intAttribute, stringsAttribute } from '../graph/attributes.ts';
import { add, matmul, mul, sigmoid, split, tanh } from '../graph/ops.ts';
import type { Cell } from './cell.ts';

/**
 * Long short-term memory without peepholes (equation 1 of the ISS paper; gates in ONNX order i, o, f, u):
 *   i, o, f = σ(W x_t + R h_{t−1} + b)    u = tanh(W x_t + R h_{t−1} + b)
 *   c_t = f ⊙ c_{t−1} + i ⊙ u             h_t = o ⊙ tanh(c_t)
 */
export const lstm: Cell = {
  operator: 'LSTM',
  gates: 4,
  states: 2,
  check(node) {
    const stop = (what: string): never => {
      throw new SlimError(`LSTM '${node.name}' uses ${what}, which is not supported; export the model without it`);
    };
    const activations = stringsAttribute(node, 'activations');
    const standard = ['Sigmoid', 'Tanh', 'Tanh'];
    if (activations?.some((a, i) => a.toLowerCase() !== standard[i % 3]!.toLowerCase()))
      stop(`activations [${activations}]`);
    if (floatAttribute(node, 'clip', 0) !== 0) stop('clip');
    if (intAttribute(node, 'input_forget', 0) !== 0) stop('input_forget');
    if (node.inputs[7]) stop('peepholes (input P)');
  },
  step(x, [h, c], recurrent) {
    const [i, o, f, u] = split(add(x, matmul(recurrent, h!)), 4, 0);
    const next = add(mul(sigmoid(f!), c!), mul(sigmoid(i!), tanh(u!)));
    return [mul(sigmoid(o!), tanh(next)), next];
  },
};
