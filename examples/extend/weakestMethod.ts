import { defineMethod, groupedTensors, type Matrix } from 'slimrnn';
import { z } from 'zod';

/**
 * After each epoch the weakest connections of every matrix go, for good. A mask says which exist; a connection that
 * exists may well have the weight 0.
 */
export const weakestKind = defineMethod({
  name: 'weakest',
  label: 'weakest',
  selector: 'weakest',
  fields: { weakest: z.number().gt(0).lt(1).describe('share of the connections that goes after each epoch') },
  isAskedFor: ({ weakest }) => typeof weakest === 'number',
  isStructural: false,
  keepsZeros: true,
  describe: ({ weakest }) => `the weakest ${weakest} of all connections go after each epoch`,
  create: ({ weakest }, { groups }) => ({
    name: 'weakest',
    parameters: groupedTensors(groups),
    usesMask: true,
    threshold: 0,
    beforeUpdate(matrices) {
      for (const { rowPenalty, colPenalty } of matrices) {
        rowPenalty.fill(0);
        colPenalty.fill(0);
      }
      return 0;
    },
    afterEpoch(matrices, { reset }) {
      for (const matrix of matrices) {
        const places = weakestPlaces(matrix, weakest);
        for (const i of places) {
          matrix.mask![i] = 0;
          matrix.weights[i] = 0;
        }
        reset(matrix, places);
        matrix.passes.refresh();
      }
    },
  }),
});

/** The connections with the smallest weights, as many as the share says. */
function weakestPlaces({ mask, weights }: Matrix, share: number): number[] {
  const existing = [...weights.keys()].filter((i) => mask![i] === 1);
  const order = existing.sort((i, j) => Math.abs(weights[i]!) - Math.abs(weights[j]!));
  return order.slice(0, Math.floor(share * order.length));
}
