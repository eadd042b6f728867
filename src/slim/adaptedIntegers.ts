import { constantTensor, int64s, integers } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { add, concat, mul } from '../graph/ops.ts';
import type { Dim, Node, Tensor } from '../graph/types.ts';

/** What each element of a vector of sizes must be; undefined where it may stay what it is. */
export type Wanted = readonly (number | undefined)[];

/** A vector of integers with some elements changed (pieces of a Concat, if it is one); itself where all are as wanted. */
export function adaptedIntegers(value: Value, wanted: Wanted, producers: ReadonlyMap<string, Node>): Value {
  const now = elementsOf(value);
  if (wanted.every((size, i) => size === undefined || size === now?.[i])) return value;
  const made = producers.get(value.name);
  if (made === undefined || constantTensor(made)) {
    const values = now?.map((d, i) => wanted[i] ?? d);
    if (values?.every((v) => typeof v === 'number')) return value.builder.constant(integersLike(value, values));
  }
  const pieces = made?.op === 'Concat' ? adaptedPieces(value.builder, made, wanted, producers) : undefined;
  return pieces ? concat(pieces, 0) : covered(value, wanted);
}

/** The elements of a vector, as far as they are known. */
export function elementsOf(value: Value): readonly Dim[] | undefined {
  return value.builder.knownInts(value) ?? integers(value.builder.tensorOf(value));
}

/** Integers in the element type and rank of a value. Slice takes either type, but starts and ends must be of the same. */
export function integersLike({ type }: Value, values: readonly number[]): Tensor {
  const dims = type.shape?.length === 0 ? [] : [values.length];
  return type.elementType === 'int32'
    ? { elementType: 'int32', dims, data: Int32Array.from(values) }
    : int64s(dims, values);
}

/** The pieces of a Concat, of which only those change that have to; undefined when the length of one is not known. */
function adaptedPieces(
  b: GraphBuilder,
  node: Node,
  wanted: Wanted,
  producers: ReadonlyMap<string, Node>,
): Value[] | undefined {
  let at = 0;
  const parts: [Value, Wanted][] = [];
  for (const piece of node.inputs.map((name) => b.value(name))) {
    const length = elementsOf(piece)?.length ?? piece.type.shape?.[0];
    if (typeof length !== 'number') return undefined;
    parts.push([piece, wanted.slice(at, at + length)]);
    at += length;
  }
  if (at !== wanted.length) return undefined;
  return parts.map(([piece, own]) => adaptedIntegers(piece, own, producers));
}

/** value · (0 where an element is wanted, else 1) + (what is wanted, else 0). */
function covered(value: Value, wanted: Wanted): Value {
  const vector = (of: (size: number | undefined) => number) =>
    value.builder.constant(integersLike(value, wanted.map(of)));
  const kept = vector((size) => (size === undefined ? 1 : 0));
  const set = vector((size) => size ?? 0);
  return add(mul(value, kept), set);
}
