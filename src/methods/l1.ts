import { z } from 'zod';
import { isIdle } from '../base/fields.ts';
import { abs, add, mul, reduceSum, sign } from '../graph/ops.ts';
import { defineMethod } from './kind.ts';
import { noPenalty, type SparsityMethod } from './method.ts';
import { withoutTables } from './tables.ts';

/**
 * ℓ1 regularisation, R = λ Σ |w|: the paper's non-structured baseline (appendix A). It makes single weights zero, not
 * whole units. `parameters` are all that are trained but the embedding, biases included; τ is at least 2λ, as in the
 * paper's code, because a weight that only the penalty acts on swings by λ around zero at a learning rate of 1.
 */
export function l1(parameters: ReadonlySet<string>, lambda: number, threshold: number): SparsityMethod {
  return {
    name: 'l1',
    parameters,
    threshold: Math.max(threshold, 2 * lambda),
    beforeUpdate(matrices, { gradientScale }) {
      let sum: number = noPenalty(matrices);
      for (const { passes } of matrices) sum += passes.addSign(lambda / gradientScale);
      return lambda * sum;
    },
    nodes: {
      penalty(matrices) {
        const values = matrices.map(({ weights }) => reduceSum(abs(weights)));
        return {
          value: mul(values.reduce(add), lambda),
          gradients: new Map(matrices.map(({ name, weights }) => [name, mul(sign(weights), lambda)])),
        };
      },
    },
  };
}

/** `--l1 λ` */
export const l1Kind = defineMethod({
  name: 'l1',
  label: 'ℓ1',
  selector: 'l1',
  lambda: 'l1',
  fields: { l1: z.number().nonnegative().describe('λ of ℓ1 over single weights, instead of ISS') },
  isAskedFor: ({ l1: lambda }) => !isIdle(lambda),
  isStructural: false,
  keepsZeros: false,
  describe: ({ l1: lambda }) => `ℓ1, λ ${lambda}`,
  create: (config, { graph, first, threshold }) => l1(withoutTables(graph, first.trained), config.l1, threshold),
});
