import { UsageError } from '../base/errors.ts';
import { bindDim, sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { floatToHalf } from '../graph/half.ts';
import { emptyData } from '../graph/tensors.ts';
import type { Dim, ElementType, Graph, Tensor, ValueInfo } from '../graph/types.ts';
import { dimRoles, equalDims, freeDims } from '../slim/dimRoles.ts';
import { type InputUse, useOfInput } from './inputUses.ts';

/** Sizes for free dimensions: small, and different from each other where that is possible. */
const usualSizes = { time: 7, batch: 3 } as const;
const otherSizes = [3, 5, 4, 6];

/** A size for every free dimension of a graph's inputs: 7 for time, 3 for batch, others in turn. */
export function smallSizes(graph: Graph): Record<string, number> {
  const roles = dimRoles(graph);
  const kind = equalDims(graph);
  const others = new Map<string, number>();
  const sizeOfKind = (name: string) => {
    const size = others.get(kind(name)) ?? otherSizes[others.size % otherSizes.length]!;
    others.set(kind(name), size);
    return size;
  };
  return Object.fromEntries(
    freeDims(graph).map((name) => {
      const role = roles.get(name);
      return [name, role ? usualSizes[role] : sizeOfKind(name)];
    }),
  );
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
 * Random values for an input, the same for the same state of `random`: normal numbers; indices that are valid in every
 * table that the graph looks up with them; the full length for lengths of sequences; else 0 and 1 for integers and
 * masks. `sizes` are those of all free dimensions of the graph.
 */
export function randomTensor(
  input: ValueInfo,
  graph: Graph,
  dims: readonly number[],
  random: () => number,
  sizes: Readonly<Record<string, Dim>> = smallSizes(graph),
): Tensor {
  const { elementType } = input.type;
  if (elementType === 'string') {
    throw new UsageError(`input '${input.name}' has type ${elementType}; give example inputs (feeds) for it`);
  }
  const draw = drawer(useOfInput(graph, input.name, sizes), elementType, random);
  const data = emptyData(elementType, sizeOf(dims));
  for (let i = 0; i < data.length; i++) data[i] = stored(draw(), elementType);
  return { elementType, dims, data };
}

/** Draws one number after the other. Keras looks up embeddings with floats, so indices may be of any type. */
function drawer(use: InputUse, type: ElementType, random: () => number): () => number {
  if (use.kind === 'length') return () => use.steps;
  if (use.kind === 'index') {
    const below = Math.min(use.below, type === 'int8' ? 128 : type === 'uint8' ? 256 : use.below);
    return () => Math.floor(random() * below);
  }
  return isFloat(type) ? () => normal(random) : () => (random() < 0.5 ? 0 : 1);
}

/** A number as a type's array holds it. */
function stored(value: number, type: ElementType): number | bigint {
  if (type === 'float16') return floatToHalf(value);
  // The upper half of a float32.
  if (type === 'bfloat16') return new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16;
  return type === 'int64' || type === 'uint64' ? BigInt(value) : value;
}

/** Standard normal, by Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
