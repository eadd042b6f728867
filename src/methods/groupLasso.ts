import { isIdle } from '../base/fields.ts';
import { add, div, mul, reduceSum } from '../graph/ops.ts';
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
} from './groupFields.ts';
import { defineMethod } from './kind.ts';
import type { SparsityMethod } from './method.ts';

/**
 * Group lasso over the components of a model (Wen et al. 2018, equations 2–4):
 *   R = λ Σ_k s_k ‖w_k‖,  ‖w_k‖ = √(ε + Σ w²),  ∂R/∂w = λ s_k w / ‖w_k‖ summed over the groups that w belongs to.
 * The gradient of an element is w times (a factor of its row + a factor of its column).
 */
export function groupLasso(groups: Groups, { lambda, threshold, strengths }: GroupPenaltyOptions): SparsityMethod {
  let components: Components | undefined;
  const factors = new Float64Array(groups.count);
  return {
    name: 'group-lasso',
    parameters: groupedTensors(groups),
    threshold,
    beforeUpdate(matrices) {
      components ??= new Components(groups, matrices);
      const norms = components.norms();
      let sum = 0;
      for (let k = 0; k < norms.length; k++) {
        const own = lambda * (strengths?.[k] ?? 1);
        sum += own * norms[k]!;
        factors[k] = own / norms[k]!;
      }
      components.spread(factors, 0, (before, factor) => before + factor);
      return sum;
    },
    nodes: {
      penalty(matrices) {
        const nodes = new ComponentNodes(groups, matrices);
        const norms = nodes.norms();
        const own = nodes.strengths(lambda, strengths);
        return { value: reduceSum(mul(own, norms)), gradients: nodes.scaled(div(own, norms), 0, add) };
      },
    },
  };
}

/** `--iss λ` */
export const groupLassoKind = defineMethod({
  ...groupKind,
  name: 'group-lasso',
  label: 'group lasso',
  selector: 'iss',
  lambda: 'iss',
  fields: { ...groupFields, ...growingField, ...paperField },
  isAskedFor: ({ iss }) => !isIdle(iss),
  describe: describeLambda,
  create: (config, context) => penaltyFor(groupLasso, config, context),
});
