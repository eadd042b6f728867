import { UsageError } from '../base/errors.ts';
import { defineMethod, type FirstModel } from './kind.ts';
import { type Matrix, noPenalty, type SparsityMethod } from './method.ts';
import { prunable } from './tables.ts';

/**
 * The zeros of the first model stay zero, so that a sparse model can be trained on as it is: the connections that exist
 * are those whose weights are not zero at the beginning. Alone, or around another method, which acts on its own
 * parameters only.
 */
export function keptZeros(parameters: ReadonlySet<string>, method?: SparsityMethod): SparsityMethod {
  let own: readonly Matrix[] | undefined;
  const ofMethod = (matrices: readonly Matrix[]): readonly Matrix[] => {
    own ??= matrices.filter(({ name }) => method?.parameters.has(name));
    return own;
  };
  return {
    ...method,
    name: method?.name ?? 'zeros-kept',
    threshold: method?.threshold ?? 0,
    parameters,
    usesMask: true,
    nodes: undefined,
    begin(matrices) {
      for (const { mask, weights } of matrices) for (const [i, w] of weights.entries()) if (w === 0) mask![i] = 0;
      method?.begin?.(ofMethod(matrices));
    },
    beforeUpdate(matrices, moment) {
      noPenalty(matrices);
      return method?.beforeUpdate(ofMethod(matrices), moment) ?? 0;
    },
    afterUpdate: (matrices, done) => method?.afterUpdate?.(ofMethod(matrices), done),
    afterEpoch: (matrices, done) => method?.afterEpoch?.(ofMethod(matrices), done),
    isReached: (matrices, done) => method?.isReached?.(ofMethod(matrices), done) ?? true,
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
  // A layer of which one unit is left may have no groups any more, and keeps its zeros all the same.
  create: (_config, { first }) => keptZeros(prunable(first)),
});
