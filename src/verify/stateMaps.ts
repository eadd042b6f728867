import { stridedTensor } from '../graph/tensors.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import { liveComponents, weightsOf } from '../groups/measure.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import { settleRemoval } from '../slim/shrink.ts';
import { groupsAfter, type Removal, sliceByGroups } from '../slim/slice.ts';

/** What was removed from one model to make another. */
export interface RemovalFrom {
  readonly groups: Groups;
  readonly removed: Removal;
  /** The model that the groups were traced from, where it is not the original itself (`traceModel`). */
  readonly prepared?: Model | undefined;
}

/** Changes the state that goes in at an input. */
export type StateMap = (input: string, tensor: Tensor) => Tensor;

/**
 * How streaming states correspond after a removal: from the original's to the candidate's, and the part of either that
 * is compared. Only units that the original depends on are: one that nothing reads may stay as the last of its layer,
 * and has lost its inputs.
 */
export function stateMaps(
  original: Model,
  removal: RemovalFrom | undefined,
): Record<'toCandidate' | 'comparedOfOriginal' | 'comparedOfCandidate', StateMap> {
  if (removal === undefined) {
    const same: StateMap = (_, tensor) => tensor;
    return { toCandidate: same, comparedOfOriginal: same, comparedOfCandidate: same };
  }
  const { groups, prepared = original } = removal;
  const weights = weightsOf(constantPerUse(prepared.graph));
  const removed = settleRemoval(groups, removal.removed, weights);
  const live = liveComponents(groups, weights);
  const left = groupsAfter(groups, removed);
  const skipped = (k: number) => removed[k] === 1 || live[k] === 0;
  // Entries of a state's last axis in the prepared model, where its components lie along it.
  const widthOf = (input: string) => groups.axes.find((a) => a.tensor === input && a.axis === 2)?.components.length;
  const asTraced: StateMap = (input, tensor) => sideBySide(tensor, widthOf(input));
  return {
    toCandidate: (input, tensor) => sliceByGroups(input, asTraced(input, tensor), groups, removed),
    comparedOfOriginal: (input, tensor) => sliceByGroups(input, asTraced(input, tensor), groups, skipped),
    comparedOfCandidate: (input, tensor) => sliceByGroups(input, tensor, left, skipped),
  };
}

/** A state [L, B, H] as [1, B, L·H], layer after layer, where the prepared model has it so (`unstackStates`). */
function sideBySide(tensor: Tensor, width: number | undefined): Tensor {
  const [layers, batch, units] = tensor.dims as [number, number, number];
  if (tensor.dims.length !== 3 || layers === 1 || units === width || layers * units !== width) return tensor;
  const { data } = stridedTensor(tensor, [batch, layers, units], [units, batch * units, 1]);
  return { ...tensor, dims: [1, batch, layers * units], data };
}
