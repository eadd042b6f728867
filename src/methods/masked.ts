import type { SparsityMethod } from './method.ts';

/**
 * Zeros stay zero: no update changes a weight that is 0, so that a sparse model can be trained on as it is. Alone on
 * `parameters`; around another method on what that one acts on, which then only adds zeros.
 */
export function masked(parameters: ReadonlySet<string>, method?: SparsityMethod): SparsityMethod {
  return {
    name: 'zeros kept',
    parameters,
    threshold: 0,
    ...method,
    beforeUpdate(matrices, moment) {
      for (const { rowPenalty, colPenalty } of method ? [] : matrices) {
        rowPenalty.fill(0);
        colPenalty.fill(0);
      }
      const penalty = method?.beforeUpdate(matrices, moment) ?? 0;
      for (const { passes } of matrices) passes.maskGradient();
      return penalty;
    },
  };
}
