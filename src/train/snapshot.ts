import { SlimError } from '../base/errors.ts';
import { sizeOf } from '../graph/dims.ts';
import { laidOut, SparseTensor } from '../graph/sparseTensor.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { MethodState } from '../methods/method.ts';
import { type Optimizer, type OptimizerState, resetSlots } from '../optimizers/optimizer.ts';
import type { WeightMemory } from './memory.ts';
import { floatTensor } from './step.ts';

/** All that training changes, as plain data: what a checkpoint holds, and what is sliced when the model shrinks. */
export interface Snapshot {
  /** Structure, and weights in the element types that the model stores. */
  readonly model: Model;
  /** Float32 values of the weights that are trained. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** `state/INPUT`, `slot/SLOT/PARAMETER`, `mask/PARAMETER`. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly method?: MethodState | undefined;
  readonly optimizer?: OptimizerState | undefined;
}

/** States that go on from batch to batch, the optimizer's slots and the method's masks, over live memory. */
export function keptTensors({ parameters }: WeightMemory, carried: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of carried) tensors.set(`state/${name}`, tensor);
  for (const { name, stored, slots, penalized, connections } of parameters) {
    for (const [slot, buffer] of Object.entries(slots)) {
      // Of a table the places of the connections are those of its weights.
      const dims = connections ? [connections.count] : stored;
      tensors.set(`slot/${slot}/${name}`, floatTensor(dims, buffer.data.subarray(0, sizeOf(dims))));
    }
    if (penalized?.mask) {
      tensors.set(`mask/${name}`, { elementType: 'uint8', dims: stored, data: penalized.mask.data });
    }
  }
  return tensors;
}

/** Bytes of a number of 32 bits, and of one that is stored with its place. */
const [NUMBER, NUMBER_WITH_PLACE] = [4, 8];

/**
 * Weights as a finished model stores them. With `savesSparse` those of masked matrices are stored by their connections
 * where that takes less; without it all are laid out.
 */
export function asSaved(
  { byName }: WeightMemory,
  weights: ReadonlyMap<string, Tensor>,
  savesSparse = false,
): Map<string, Tensor> {
  return new Map(
    [...weights].map(([name, tensor]): [string, Tensor] => {
      if (!savesSparse) return [name, laidOut(tensor)];
      const mask = byName.get(name)?.penalized?.mask;
      return [name, mask && !(tensor instanceof SparseTensor) ? byConnections(tensor, mask.data) : tensor];
    }),
  );
}

function byConnections(tensor: Tensor, mask: Uint8Array): Tensor {
  const count = mask.reduce((sum, there) => sum + there, 0);
  if (count * NUMBER_WITH_PLACE >= mask.length * NUMBER) return tensor;
  const places = new Uint32Array(count);
  let next = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i] === 1) places[next++] = i;
  const { elementType, dims, data } = tensor;
  return new SparseTensor(
    { elementType, dims },
    Float32Array.from(places, (i) => (data as Float32Array)[i]!),
    places,
  );
}

/** Puts slots and masks into memory, fresh where missing, and returns carried states. Throws a SlimError for misfits. */
export function restoreTensors(
  { parameters }: WeightMemory,
  optimizer: Optimizer,
  tensors: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  for (const parameter of parameters) {
    resetSlots(optimizer, parameter);
    const { name, slots, penalized } = parameter;
    for (const [slot, { data }] of Object.entries(slots)) copyInto(data, tensors.get(`slot/${slot}/${name}`), name);
    if (penalized?.mask) copyInto(penalized.mask.data, tensors.get(`mask/${name}`), name);
  }
  const carried = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    if (!name.startsWith('state/')) continue;
    carried.set(name.slice('state/'.length), floatTensor(tensor.dims, (tensor.data as Float32Array).slice()));
  }
  return carried;
}

function copyInto(into: Float32Array | Uint8Array, tensor: Tensor | undefined, name: string): void {
  if (tensor === undefined) return;
  const { data } = tensor;
  if (data.length !== into.length || data.constructor !== into.constructor)
    throw new SlimError(`what a checkpoint keeps of '${name}' does not fit: ${data.length} values for ${into.length}`);
  into.set(data as Float32Array);
}
