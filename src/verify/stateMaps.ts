import { stridedTensor, stridesOf } from '../graph/tensors.ts';
import type { Dim, Model, Tensor } from '../graph/types.ts';
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
  const shapes = new Map(prepared.graph.inputs.map((v) => [v.name, v.type.shape]));
  const asTraced: StateMap = (input, tensor) => sideBySide(tensor, shapes.get(input));
  return {
    toCandidate: (input, tensor) => sliceByGroups(input, asTraced(input, tensor), groups, removed),
    comparedOfOriginal: (input, tensor) => sliceByGroups(input, asTraced(input, tensor), groups, skipped),
    comparedOfCandidate: (input, tensor) => sliceByGroups(input, tensor, left, skipped),
  };
}

/** A state [L, B, H] as [1, B, L·H], layer after layer, where the prepared model has it so (`unstackStates`). */
function sideBySide(tensor: Tensor, shape: readonly Dim[] | undefined): Tensor {
  const grown = shape?.findIndex((size, axis) => typeof size === 'number' && size > tensor.dims[axis]!) ?? -1;
  if (shape === undefined || grown < 0) return tensor;
  const stacked = shape.flatMap((size, axis) => (size === 1 && tensor.dims[axis]! > 1 ? [axis] : []));
  return stacked.reduce((state, axis) => withoutStack(state, axis, grown), tensor);
}

/** One axis laid out along another one, as its outer part. */
function withoutStack(tensor: Tensor, axis: number, units: number): Tensor {
  const { dims } = tensor;
  const strides = stridesOf(dims);
  const order = dims.flatMap((_, i) => (i === axis ? [] : i === units ? [axis, units] : [i]));
  const { data } = stridedTensor(
    tensor,
    order.map((i) => dims[i]!),
    order.map((i) => strides[i]!),
  );
  return { ...tensor, dims: dims.map((d, i) => (i === axis ? 1 : i === units ? d * dims[axis]! : d)), data };
}
