import { constantNode, constantTensor, int64s } from '../graph/attributes.ts';
import type { Dim, Node, Tensor, TensorType } from '../graph/types.ts';

/** What each element of a vector of sizes must be; undefined where it may stay what it is. */
export type Wanted = readonly (number | undefined)[];

/** What is known of the graph around a vector of sizes. */
export interface SizesContext {
  /** Its elements in the smaller graph, as far as they are known. */
  valueNow(name: string): readonly Dim[] | undefined;
  typeOf(name: string): TensorType | undefined;
  producer(name: string): Node | undefined;
  fresh(): string;
}

/**
 * A vector of integers with some elements changed, and the nodes that make it: another constant for a constant; for a
 * Concat one with other pieces; for anything else what it gives, with those elements covered. The same name when all
 * elements are as wanted already.
 */
export function adaptedIntegers(name: string, wanted: Wanted, c: SizesContext): { name: string; nodes: Node[] } {
  const now = c.valueNow(name);
  if (wanted.every((size, i) => size === undefined || size === now?.[i])) return { name, nodes: [] };
  const made = c.producer(name);
  if (made === undefined || constantTensor(made)) {
    const values = now?.map((d, i) => wanted[i] ?? d);
    if (values?.every((v) => typeof v === 'number')) return constant(values, name, c);
  }
  const pieces = made?.op === 'Concat' ? adaptedPieces(made, wanted, c) : undefined;
  return pieces ?? covered(name, wanted, c);
}

function constant(values: readonly number[], like: string, c: SizesContext): { name: string; nodes: Node[] } {
  const fresh = c.fresh();
  const dims = c.typeOf(like)?.shape?.length === 0 ? [] : [values.length];
  return { name: fresh, nodes: [constantNode(fresh, tensorOf(values, dims, like, c))] };
}

/** Slice takes either integer type, but starts and ends must be of the same. */
function tensorOf(values: readonly number[], dims: readonly number[], like: string, c: SizesContext): Tensor {
  if (c.typeOf(like)?.elementType !== 'int32') return int64s(dims, values);
  return { elementType: 'int32', dims, data: Int32Array.from(values) };
}

/** A Concat of which only the pieces change that have to; undefined when the length of a piece is not known. */
function adaptedPieces(concat: Node, wanted: Wanted, c: SizesContext): { name: string; nodes: Node[] } | undefined {
  const nodes: Node[] = [];
  const inputs: string[] = [];
  let at = 0;
  for (const input of concat.inputs) {
    const length = c.valueNow(input)?.length ?? c.typeOf(input)?.shape?.[0];
    if (typeof length !== 'number') return undefined;
    const piece = adaptedIntegers(input, wanted.slice(at, at + length), c);
    nodes.push(...piece.nodes);
    inputs.push(piece.name);
    at += length;
  }
  if (at !== wanted.length) return undefined;
  const name = c.fresh();
  return { name, nodes: [...nodes, { ...concat, name, inputs, outputs: [name] }] };
}

/** value · (0 where an element is wanted, else 1) + (what is wanted, else 0). */
function covered(name: string, wanted: Wanted, c: SizesContext): { name: string; nodes: Node[] } {
  const dims = c.typeOf(name)?.shape?.length === 0 ? [] : [wanted.length];
  const [mask, kept, sizes, result] = [c.fresh(), c.fresh(), c.fresh(), c.fresh()];
  const masked = wanted.map((size) => (size === undefined ? 1 : 0));
  const added = wanted.map((size) => size ?? 0);
  const node = (op: string, inputs: string[], output: string): Node => {
    return { op, domain: '', name: output, inputs, outputs: [output], attributes: {} };
  };
  return {
    name: result,
    nodes: [
      constantNode(mask, tensorOf(masked, dims, name, c)),
      node('Mul', [name, mask], kept),
      constantNode(sizes, tensorOf(added, dims, name, c)),
      node('Add', [kept, sizes], result),
    ],
  };
}
