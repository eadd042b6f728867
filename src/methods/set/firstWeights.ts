import { sampleExactly } from '../../base/sample.ts';
import { sizeOf } from '../../graph/dims.ts';
import { DrawnTensor } from '../../graph/drawnTensor.ts';
import { SparseTensor } from '../../graph/sparseTensor.ts';
import type { Tensor } from '../../graph/types.ts';

/*
 * The weights that connections begin with: those of the first model at their places, and numbers of the same spread for
 * connections that come up later.
 */

/** Half the width of the uniform numbers that have the spread of a tensor's weights. */
export function spreadOf(tensor: Tensor, [from, to]: readonly [number, number]): number {
  if (tensor instanceof DrawnTensor) return tensor.scale;
  const values = (tensor instanceof SparseTensor ? tensor.values : tensor.data.slice(from, to)) as Float32Array;
  let [squares, count] = [0, 0];
  for (const w of values) {
    squares += w * w;
    if (w !== 0) count++;
  }
  return count === 0 ? 0 : Math.sqrt((3 * squares) / count);
}

/** By what first weights are larger than those of the dense model, for sums of inputs to vary as there. */
export function factorFor(isScaled: boolean, size: number, connections: number): number {
  return isScaled && connections > 0 ? Math.sqrt(size / connections) : 1;
}

/** Connections with their weights; places ascend. */
interface FirstConnections {
  readonly places: Uint32Array;
  readonly weights: Float32Array;
}

/**
 * `count` connections among the weights of a block: drawn by lot among those that are not zero, and scaled; where these
 * are fewer, all of them as they are and others with the weight zero. So a sparse model goes on with its connections.
 */
export function firstConnections(
  dense: Float32Array,
  count: number,
  random: () => number,
  isScaled: boolean,
): FirstConnections {
  const isThere = (wanted: boolean) => Uint32Array.from([...dense.keys()].filter((i) => (dense[i] !== 0) === wanted));
  const zeros = isThere(false);
  const spare = dense.length - zeros.length - count;
  if (spare >= 0) {
    const places = sampleExactly(count, dense.length, zeros, random);
    const factor = spare > 0 ? factorFor(isScaled, dense.length, count) : 1;
    return { places, weights: Float32Array.from(places, (i) => factor * dense[i]!) };
  }
  const there = isThere(true);
  const places = Uint32Array.from([...there, ...sampleExactly(-spare, dense.length, there, random)]).sort();
  return { places, weights: Float32Array.from(places, (i) => dense[i]!) };
}

/** A table with `count` connections drawn by lot (`firstConnections`); one that is not laid out stays so. */
export function sparseTable(table: Tensor, count: number, random: () => number, isScaled: boolean): SparseTensor {
  const { elementType, dims } = table;
  if (table instanceof DrawnTensor) {
    const places = sampleExactly(count, sizeOf(dims), [], random);
    const factor = factorFor(isScaled, sizeOf(dims), count);
    return new SparseTensor(
      { elementType, dims },
      table.at(places).map((w) => factor * w),
      places,
    );
  }
  const { places, weights } = firstConnections(table.data as Float32Array, count, random, isScaled);
  return new SparseTensor({ elementType, dims }, weights, places);
}
