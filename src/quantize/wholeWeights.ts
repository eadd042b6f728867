import { intsAttribute } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { stridedTensor, stridesOf } from '../graph/tensors.ts';
import type { Tensor } from '../graph/types.ts';
import { isLargeMatrix } from './candidates.ts';
import { type Quantized, quantizeSymmetric } from './symmetric.ts';

/** A weight as whole numbers [.., K, N] and the scales of its outputs [.., N]. */
export interface StoredWeight {
  /** What it was called. */
  readonly source: string;
  readonly values: Value;
  readonly scales: Value;
}

/** Zero points for a weight, for operators that insist on them. */
export function zerosFor(b: GraphBuilder, { scales }: StoredWeight): Value {
  const { dims, data } = b.tensorOf(scales)!;
  const name = b.unique(scales.name.replace(/scale$/, 'zero'));
  return b.storedLike(scales, name, { elementType: 'int8', dims, data: new Int8Array(data.length) });
}

/** The weights that have become whole numbers: what several nodes read in the same way is stored once. */
export class WholeWeights {
  private readonly stored = new Map<string, StoredWeight>();
  private readonly largest: number;

  constructor(largest: number) {
    this.largest = largest;
  }

  /**
   * A stored float32 tensor of that rank, [.., K, N] or, if it is `turned`, [.., N, K], as whole numbers. Undefined for
   * anything else, for a small one, and for one that is not finite.
   */
  store(b: GraphBuilder, name: string, rank: number, turned: boolean): StoredWeight | undefined {
    const source = transposeOf(b, name);
    if (source !== undefined) return this.store(b, source, rank, !turned);
    return this.once(b, name, turned ? 'turned' : 'matrix', (tensor) => {
      if (tensor.dims.length !== rank) return undefined;
      return quantizeSymmetric(turned ? transposed(tensor) : tensor, [rank - 2], this.largest);
    });
  }

  /** The same of filters [M, C, ..] of a convolution, with the scales of its outputs [M]. */
  storeFilters(b: GraphBuilder, name: string): StoredWeight | undefined {
    return this.once(b, name, 'filters', (tensor) => {
      const inner = tensor.dims.slice(1).map((_, i) => i + 1);
      return quantizeSymmetric(tensor, inner, this.largest);
    });
  }

  private once(
    b: GraphBuilder,
    source: string,
    layout: string,
    quantize: (tensor: Tensor) => Quantized | undefined,
  ): StoredWeight | undefined {
    const key = JSON.stringify([source, layout]);
    const whole = b.value(source);
    const tensor = b.tensorOf(whole);
    if (this.stored.has(key) || tensor === undefined || !isLargeMatrix(tensor)) return this.stored.get(key);
    const found = quantize(tensor);
    if (found === undefined) return undefined;
    // Without the axes along which all share a scale; several directions keep theirs.
    const { dims } = found.scales;
    const scaleDims = layout === 'filters' ? dims.slice(0, 1) : dims.filter((_, axis) => axis !== dims.length - 2);
    const made = {
      source,
      values: b.storedLike(whole, b.unique(`${source}.int8`), found.values),
      scales: b.storedLike(whole, b.unique(`${source}.scale`), { ...found.scales, dims: scaleDims }),
    };
    this.stored.set(key, made);
    return made;
  }
}

/** The stored matrix that a value is the transpose of, as with a head that shares the embedding's table. */
function transposeOf(b: GraphBuilder, name: string): string | undefined {
  const node = b.nodes.find(({ op, domain, outputs }) => op === 'Transpose' && domain === '' && outputs[0] === name);
  const source = node?.inputs[0];
  if (source === undefined || b.tensorOf(b.value(source))?.dims.length !== 2) return undefined;
  const perm = intsAttribute(node!, 'perm') ?? [1, 0];
  return perm[0] === 1 ? source : undefined;
}

/** The last two axes exchanged, in new memory. */
function transposed(tensor: Tensor): Tensor {
  const swap = <T>(list: readonly T[]): T[] => [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];
  return stridedTensor(tensor, swap(tensor.dims), swap(stridesOf(tensor.dims)));
}
