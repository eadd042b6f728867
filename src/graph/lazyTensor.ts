import type { ElementType, Tensor, TensorData } from './types.ts';

/**
 * A tensor whose values are not laid out one by one until somebody asks for `data`; they are kept from then on. Whoever
 * wants to spare the memory asks what kind of tensor it is. A copy by spreading (`{ ...tensor, dims }`) is laid out.
 */
export abstract class LazyTensor implements Tensor {
  readonly elementType: ElementType;
  readonly dims: readonly number[];
  declare readonly data: TensorData;

  constructor(elementType: ElementType, dims: readonly number[]) {
    this.elementType = elementType;
    this.dims = dims;
    let laidOut: TensorData | undefined;
    // A property of its own, so that a copy has the values and is a plain tensor.
    Object.defineProperty(this, 'data', {
      enumerable: true,
      get: () => {
        laidOut ??= this.layOut();
        return laidOut;
      },
    });
  }

  /** All values in row-major order, in new memory. */
  abstract layOut(): TensorData;

  /** Values that tell what kind of values these are: finite or not, all zero or not. */
  abstract sample(): TensorData;
}

/** The values of a tensor, or what tells the same of them where they are not laid out: finite or not, all zero or not. */
export function sampleOf(tensor: Tensor): TensorData {
  return tensor instanceof LazyTensor ? tensor.sample() : tensor.data;
}
