import { UsageError } from '../errors.ts';
import { intAttribute } from '../graph/attributes.ts';
import { bindDim, sizeOf } from '../graph/dims.ts';
import { producers } from '../graph/rewrite.ts';
import type { Dim, Graph, Tensor, ValueInfo } from '../graph/types.ts';

/** Sizes for free dimensions: small, and different from each other where that is possible. */
const usualSizes: Readonly<Record<string, number>> = { time: 7, batch: 3 };
const otherSizes = [3, 5, 4, 6];

/** A size for every free dimension of a graph's inputs. */
export function smallSizes(graph: Graph): Record<string, number> {
  const sizes: Record<string, number> = {};
  let next = 0;
  for (const { type } of graph.inputs) {
    for (const d of type.shape ?? []) {
      if (typeof d !== 'string' || d in sizes) continue;
      sizes[d] = usualSizes[d] ?? otherSizes[next++ % otherSizes.length]!;
    }
  }
  return sizes;
}

/** Dimensions of an input with its free ones bound. Throws when the rank or a size is unknown. */
export function boundDims(input: ValueInfo, sizes: Readonly<Record<string, Dim>>): number[] {
  const dims = input.type.shape?.map((d) => bindDim(d, sizes));
  if (!dims?.every((d) => typeof d === 'number')) {
    throw new UsageError(`the shape of input '${input.name}' is not known; give example inputs (feeds) instead`);
  }
  return dims;
}

/**
 * Random values for an input: normal numbers, or indices that are valid in every table that the graph looks up with
 * them (0 and 1 where it looks up none).
 */
export function randomTensor(input: ValueInfo, graph: Graph, dims: readonly number[], random: () => number): Tensor {
  const { elementType } = input.type;
  const size = sizeOf(dims);
  const fill = <T>(array: T, value: () => number | bigint): T => {
    const writable = array as { [index: number]: number | bigint };
    for (let i = 0; i < size; i++) writable[i] = value();
    return array;
  };
  const limit = indexLimit(graph, input.name) ?? 2;
  const integer = () => Math.floor(random() * limit);
  switch (elementType) {
    case 'float32':
      return { elementType, dims, data: fill(new Float32Array(size), () => normal(random)) };
    case 'float64':
      return { elementType, dims, data: fill(new Float64Array(size), () => normal(random)) };
    case 'int32':
      return { elementType, dims, data: fill(new Int32Array(size), integer) };
    case 'int64':
      return { elementType, dims, data: fill(new BigInt64Array(size), () => BigInt(integer())) };
    case 'bool':
      return { elementType, dims, data: fill(new Uint8Array(size), () => (random() < 0.5 ? 0 : 1)) };
    default:
      throw new UsageError(`input '${input.name}' has type ${elementType}; give example inputs (feeds) for it`);
  }
}

/** Standard normal, by Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Operators that pass indices on as they are. */
const passing = new Set('Identity Cast Reshape Squeeze Unsqueeze Transpose Flatten'.split(' '));

/** Rows of the smallest table that this input is an index into; undefined when it is none. */
function indexLimit(graph: Graph, input: string): number | undefined {
  const made = producers(graph.nodes);
  const origin = (name: string): string => {
    const node = made.get(name);
    return node && passing.has(node.op) ? origin(node.inputs[0]!) : name;
  };
  const limits = graph.nodes.flatMap((node) => {
    if (node.op !== 'Gather' || origin(node.inputs[1]!) !== input) return [];
    const dims = graph.initializers.get(node.inputs[0]!)?.dims;
    const size = dims?.at(intAttribute(node, 'axis', 0));
    return size === undefined ? [] : [size];
  });
  return limits.length === 0 ? undefined : Math.min(...limits);
}
