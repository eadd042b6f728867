import { UsageError } from '../base/errors.ts';
import { defineMethod, type FirstModel } from './kind.ts';
import { noPenalty, type SparsityMethod } from './method.ts';
import { prunable } from './tables.ts';

/**
 * The zeros of the first model stay zero, so that a sparse model can be trained on as it is: the connections that exist
 * are those whose weights are not zero at the beginning. Alone on `parameters`; around another method on what that one
 * acts on, which then only adds zeros.
 */
export function keptZeros(parameters: ReadonlySet<string>, method?: SparsityMethod): SparsityMethod {
  return {
    name: 'zeros-kept',
    parameters,
    threshold: 0,
    ...method,
    usesMask: true,
    begin(matrices) {
      for (const { mask, weights } of matrices) for (const [i, w] of weights.entries()) if (w === 0) mask![i] = 0;
      method?.begin?.(matrices);
    },
    beforeUpdate: (matrices, moment) => (method ? method.beforeUpdate(matrices, moment) : noPenalty(matrices)),
  };
}

/** Throws a UsageError unless something is zero that can be kept. */
export function checkZeros(first: FirstModel): void {
  for (const name of prunable(first)) {
    if ((first.graph.initializers.get(name)?.data as Float32Array | undefined)?.includes(0)) return;
  }
  throw new UsageError('--keep-zeros: no weight of the first model is zero; start from a sparse model with --init');
}

/** `--keep-zeros` without another method */
export const keptZerosKind = defineMethod({
  name: 'zeros-kept',
  label: 'zeros kept',
  selector: 'keepZeros',
  fields: {},
  isAskedFor: ({ keepZeros }) => keepZeros === true,
  isStructural: false,
  keepsZeros: true,
  describe: () => 'zeros kept',
  create: (_config, context) => keptZeros(prunable(context)),
});
