import { intAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { add, matmul, mul, split, sub } from '../graph/ops.ts';
import { scalar } from './activations.ts';
import type { Cell } from './cell.ts';

/**
 * Long short-term memory (equation 1 of the ISS paper, and ONNX's options; gates in ONNX order i, o, f, u), with
 * σ, g, ψ = sigmoid, tanh, tanh by default, and peepholes p if there are any:
 *   i, f = σ(W x_t + R h_{t−1} + b + p ⊙ c_{t−1})    u = g(W x_t + R h_{t−1} + b)
 *   c_t = f ⊙ c_{t−1} + i ⊙ u                        o = σ(W x_t + R h_{t−1} + b + p ⊙ c_t)
 *   h_t = o ⊙ ψ(c_t)
 * With `input_forget` the gates are coupled, f = 1 − i + 0 ⊙ (…): the weights of the forget gate have no effect, but are
 * stored, and leave with their unit.
 */
export const lstm: Cell = {
  activations: ['Sigmoid', 'Tanh', 'Tanh'],
  biasInLoop: () => false,
  equations({ node, recurrent, peepholes, activations: [σ, g, ψ] }) {
    const coupled = intAttribute(node, 'input_forget', 0) !== 0;
    const [pi, po, pf] = peepholes ? split(peepholes, 3, 0) : [];
    const withPeephole = (z: Value, p: Value | undefined, c: Value) => (p ? add(z, mul(p, c)) : z);
    return (x, [h, c]) => {
      const [zi, zo, zf, zu] = split(add(x, matmul(recurrent, h!)), 4, 0);
      const i = σ!(withPeephole(zi!, pi, c!));
      const forget = withPeephole(zf!, pf, c!);
      const f = coupled ? add(sub(scalar(i, 1), i), mul(forget, scalar(i, 0))) : σ!(forget);
      const next = add(mul(f, c!), mul(i, g!(zu!)));
      return [mul(σ!(withPeephole(zo!, po, next)), ψ!(next)), next];
    };
  },
};
