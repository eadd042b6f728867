import type { Tensor } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import type { MethodState } from '../methods/method.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { settleRemoval, shrink } from '../slim/shrink.ts';
import { sliceByGroups } from '../slim/slice.ts';
import { assertEqual } from '../verify/verify.ts';
import type { Snapshot } from './snapshot.ts';
import { detached } from './store.ts';
import { withWeights } from './trainedWeights.ts';
import { type TrainSetup, TrainState } from './trainState.ts';

/**
 * The same training without the components that are not `live` (but one in a layer where all are dead): weights, carried
 * states, masks and all that the optimizer remembers are sliced alike. With `samples` the smaller model is verified to
 * compute the same on them. Returns 1 for each component that left. Throws SlimError and keeps the training as it was
 * when that fails.
 */
export async function shrinkState(
  state: TrainState,
  live: Uint8Array,
  setup: TrainSetup,
  samples?: readonly Tensors[],
): Promise<{ state: TrainState; removed: Uint8Array }> {
  const groups = state.groups!;
  const removed = settleRemoval(
    groups,
    live.map((alive) => 1 - alive),
    state.lookup(),
  );
  const before = state.snapshot();
  const model = shrink(before.model, groups, removed);
  if (samples) {
    const prepared = withWeights(before.model, detached(before.weights));
    await assertEqual(setup.runtime, prepared, model, {
      feeds: samples,
      removal: { prepared, groups, removed },
      unverifiedBranches: true,
    });
  }
  const sliced = (name: string, tensor: Tensor) => sliceByGroups(name, tensor, groups, removed);
  const weights = new Map([...before.weights].map(([name, tensor]) => [name, sliced(name, tensor)]));
  // The name behind the kind of tensor, and behind the slot's name; it may have slashes itself.
  const nameIn = (key: string) => key.replace(/^(slot\/[^/]*|[^/]*)\//, '');
  const tensors = new Map([...before.tensors].map(([key, tensor]) => [key, sliced(nameIn(key), tensor)]));
  const snapshot: Snapshot = {
    ...before,
    model,
    weights,
    tensors,
    method: before.method && withoutRemoved(before.method, removed),
  };
  const next = await TrainState.create(snapshot, setup);
  await state.release();
  return { state: next, removed };
}

/** A method's state for what is left: components are numbered anew in the same order. */
function withoutRemoved(state: MethodState, removed: Uint8Array): MethodState {
  const left = (value: number | readonly number[]) =>
    typeof value === 'number' ? value : value.filter((_, k) => removed[k] === 0);
  return Object.fromEntries(Object.entries(state).map(([name, value]) => [name, left(value)]));
}

/** What is left of a list for each layer's units, such as their first numbers, without the removed components. */
export function unitsThatStay<T>(groups: Groups, removed: Uint8Array, ofUnits: readonly (readonly T[])[]): T[][] {
  return groups.layers.map(({ components }, i) =>
    ofUnits[i]!.filter((_, unit) => components[unit]! < 0 || removed[components[unit]!] === 0),
  );
}
