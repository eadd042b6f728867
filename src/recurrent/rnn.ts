import { add, matmul } from '../graph/ops.ts';
import type { Cell } from './cell.ts';

/** The plain recurrent network (Elman 1990), with f = tanh by default: h_t = f(W x_t + R h_{t−1} + b). */
export const rnn: Cell = {
  activations: ['Tanh'],
  biasInLoop: () => false,
  equations:
    ({ recurrent, activations: [f] }) =>
    (x, [h]) => [f!(add(x, matmul(recurrent, h!)))],
};
