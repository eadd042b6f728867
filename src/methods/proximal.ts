import { isIdle } from '../base/fields.ts';
import { div, max, mul, reduceSum, sub } from '../graph/ops.ts';
import { type Groups, groupedTensors } from '../groups/groups.ts';
import { ComponentNodes } from './componentNodes.ts';
import { Components } from './components.ts';
import {
  describeLambda,
  type GroupPenaltyOptions,
  groupFields,
  groupKind,
  growingField,
  paperField,
  penaltyFor,
  proximalField,
} from './groupFields.ts';
import { defineMethod } from './kind.ts';
import { noPenalty, type SparsityMethod } from './method.ts';

/** A norm that is as good as zero, whose square float32 does not have: nothing is divided by zero itself. */
const LEAST = 1e-30;

/**
 * The group lasso by proximal gradient descent (Yuan and Lin 2006; Parikh and Boyd 2014, section 6.5.4): the gradient
 * step is that of the loss alone, then every group is drawn to zero by as much,
 *   w_k ← w_k · max(0, 1 − η λ s_k / ‖w_k‖),
 * so that groups become zero as a whole and exactly, without a threshold. Groups overlap (the recurrent weight from unit
 * j to unit k is in both), for which there is no closed form; here all norms are taken first and an element is
 * multiplied by the factors of its groups: it is zero as soon as one of them is. `threshold` may add the elementwise one.
 */
export function proximal(groups: Groups, { lambda, threshold, strengths }: GroupPenaltyOptions): SparsityMethod {
  let components: Components | undefined;
  const factors = new Float64Array(groups.count);
  return {
    name: 'proximal',
    parameters: groupedTensors(groups),
    threshold,
    beforeUpdate(matrices) {
      components ??= new Components(groups, matrices);
      const norms = components.norms();
      let sum = 0;
      for (let k = 0; k < norms.length; k++) sum += (strengths?.[k] ?? 1) * norms[k]!;
      noPenalty(matrices);
      return lambda * sum;
    },
    afterUpdate(matrices, { step }) {
      components ??= new Components(groups, matrices);
      // The norms themselves: with ε in them, what is nearly zero would be drawn by less than it is from zero.
      const norms = components.norms(0);
      for (let k = 0; k < norms.length; k++) {
        const drawn = step * lambda * (strengths?.[k] ?? 1);
        factors[k] = norms[k]! > drawn ? 1 - drawn / norms[k]! : 0;
      }
      components.spread(factors, 1, (before, factor) => before * factor);
      for (const matrix of matrices) matrix.passes.scale();
    },
    nodes: {
      penalty(matrices) {
        const nodes = new ComponentNodes(groups, matrices);
        return { value: reduceSum(mul(nodes.strengths(lambda, strengths), nodes.norms())), gradients: new Map() };
      },
      afterUpdate(matrices, step) {
        const nodes = new ComponentNodes(groups, matrices);
        const shrinking = div(mul(nodes.strengths(lambda, strengths), step), max(nodes.norms(0), LEAST));
        const one = step.builder.float(1);
        return nodes.scaled(max(sub(one, shrinking), 0), 1, mul);
      },
    },
  };
}

/** `--iss λ --proximal` */
export const proximalKind = defineMethod({
  ...groupKind,
  name: 'proximal',
  label: 'proximal',
  selector: 'iss',
  lambda: 'iss',
  fields: { ...groupFields, ...growingField, ...paperField, ...proximalField },
  isAskedFor: ({ iss, proximal }) => !isIdle(iss) && proximal === true,
  describe: (config) => `proximal ${describeLambda(config)}`,
  create: (config, context) => penaltyFor(proximal, config, context),
});
