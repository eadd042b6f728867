import { SlimError } from '../base/errors.ts';
import { SparseTensor, sliceSparse } from '../graph/sparseTensor.ts';
import { sliceTensor } from '../graph/tensors.ts';
import type { Tensor } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';

/** Which components go: a flag for each, or a question. */
export type Removal = Uint8Array | ((component: number) => boolean);

/** Asks whether a component goes; -1 (an index that always stays) never does. */
export function removes(remove: Removal): (component: number) => boolean {
  const asked = typeof remove === 'function' ? remove : (k: number) => remove[k] === 1;
  return (k) => k >= 0 && asked(k);
}

/**
 * A tensor of the model, or one of the same dimensions (its momentum, a streaming state), without the indices whose
 * components go. `name` is the tensor's name in the groups; one that they do not mention is returned as it is.
 * Throws a SlimError when the dimensions are not those that the groups were traced from.
 */
export function sliceByGroups(name: string, tensor: Tensor, groups: Groups, remove: Removal): Tensor {
  const goes = removes(remove);
  const keep: (number[] | undefined)[] = tensor.dims.map(() => undefined);
  for (const { tensor: of, axis, components } of groups.axes) {
    if (of !== name) continue;
    if (tensor.dims[axis] !== components.length) {
      throw new SlimError(
        `'${name}' has dimensions [${tensor.dims}], but its groups have ${components.length} indices on axis ` +
          `${axis}; slice a tensor with the groups of the model that it belongs to`,
      );
    }
    if (components.some(goes)) keep[axis] = [...components.keys()].filter((i) => !goes(components[i]!));
  }
  if (keep.every((k) => k === undefined)) return tensor;
  return tensor instanceof SparseTensor ? sliceSparse(tensor, keep) : sliceTensor(tensor, keep);
}

/** The indices that a tensor keeps along an axis; undefined for all of them. */
export function keptOf(name: string, axis: number, groups: Groups, remove: Removal): number[] | undefined {
  const goes = removes(remove);
  const own = groups.axes.find((each) => each.tensor === name && each.axis === axis)?.components;
  return own?.some(goes) ? [...own.keys()].filter((i) => !goes(own[i]!)) : undefined;
}

/** The groups as they are after a removal; components keep their numbers, those that are gone stand nowhere. */
export function groupsAfter(groups: Groups, remove: Removal): Groups {
  const goes = removes(remove);
  const left = (components: Int32Array) => components.filter((k) => !goes(k));
  const { count, entangled } = groups;
  return {
    layers: groups.layers.map((l) => ({ ...l, components: left(l.components) })),
    count,
    axes: groups.axes.map((a) => ({ ...a, components: left(a.components) })),
    entangled,
  };
}
