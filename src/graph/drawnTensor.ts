import { type RandomStream, uniform, uniformValue } from '../base/random.ts';
import { sizeOf } from './dims.ts';
import { LazyTensor } from './lazyTensor.ts';

/** Places of a tensor, at most: their numbers are kept in 32 bits. */
const MOST = 2 ** 32;

/** First values uniform in ±scale that are drawn when they are needed, the same whenever that is. */
export class DrawnTensor extends LazyTensor {
  readonly #scale: number;
  readonly #random: RandomStream;

  /** Takes as many numbers from the stream as there are values. Throws a RangeError for more than 2³². */
  constructor(dims: readonly number[], scale: number, random: RandomStream) {
    super('float32', dims);
    if (sizeOf(dims) > MOST) throw new RangeError(`Invalid tensor length ${sizeOf(dims)}`);
    this.#scale = scale;
    this.#random = random.fork();
    for (let i = sizeOf(dims); i > 0; i--) random();
  }

  /** Half the width of the values. */
  get scale(): number {
    return this.#scale;
  }

  override layOut(): Float32Array<ArrayBuffer> {
    return uniform(sizeOf(this.dims), this.#scale, this.#random.fork());
  }

  override sample(): Float32Array<ArrayBuffer> {
    return uniform(Math.min(1, sizeOf(this.dims)), this.#scale, this.#random.fork());
  }

  /** The values at these places, which ascend. */
  at(places: ArrayLike<number>): Float32Array<ArrayBuffer> {
    const random = this.#random.fork();
    const values = new Float32Array(places.length);
    let next = 0;
    for (let i = 0; i < places.length; i++) {
      for (; next < places[i]!; next++) random();
      values[i] = uniformValue(this.#scale, random);
      next++;
    }
    return values;
  }
}
