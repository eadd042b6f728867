import { floatAttribute, intAttribute, intsAttribute } from '../graph/attributes.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { isLookup } from '../graph/operators.ts';
import { transposedMatrix } from '../graph/tensors.ts';
import type { Node, Tensor } from '../graph/types.ts';

/*
 * Lookups in stored tables and products with stored matrices. V vocabulary, E embedding, I inputs, O outputs.
 */

type Stored = ReadonlyMap<string, Tensor>;

/** The stored table [V, E] in which a node looks rows up; undefined for other nodes. */
export function embeddedTable(node: Node, stored: Stored): Tensor | undefined {
  const table = stored.get(node.inputs[0] ?? '');
  const isConstant = stored.has(node.inputs[1] ?? '');
  const fits = isLookup(node) && !isConstant && table?.dims.length === 2 && isFloat(table.elementType);
  return fits ? table : undefined;
}

/** A product with a stored matrix, and its bias, as they stand in a graph. */
export interface Product {
  /** The node's data. */
  readonly x: string;
  /** The stored matrix: [I, O], or [O, I] where it is transposed. */
  readonly weight: string;
  readonly isTransposed: boolean;
  /** The stored vector [O] that is added. */
  readonly bias?: string;
}

/** What a MatMul or Gemm multiplies with a stored matrix, as a linear layer does; undefined for other nodes. */
export function productOf(node: Node, stored: Stored, made: ReadonlyMap<string, Node>): Product | undefined {
  const [x = '', right = '', bias = ''] = node.inputs;
  const turned = made.get(right);
  const isTurned = turned?.op === 'Transpose' && (intsAttribute(turned, 'perm') ?? [1, 0]).join() === '1,0';
  const weight = isTurned ? turned.inputs[0]! : right;
  const matrix = stored.get(weight);
  if (node.domain !== '' || stored.has(x) || matrix?.dims.length !== 2 || !isFloat(matrix.elementType))
    return undefined;
  if (node.op === 'MatMul') return { x, weight, isTransposed: isTurned };
  if (node.op !== 'Gemm' || intAttribute(node, 'transA', 0) !== 0) return undefined;
  if (floatAttribute(node, 'alpha', 1) !== 1 || floatAttribute(node, 'beta', 1) !== 1) return undefined;
  if (bias !== '' && stored.get(bias)?.dims.length !== 1) return undefined;
  const isTransposed = isTurned !== (intAttribute(node, 'transB', 0) !== 0);
  return { x, weight, isTransposed, ...(bias !== '' && { bias }) };
}

/** True where a product's bias, if it has one, has an element for each output. */
export function hasFittingBias({ weight, isTransposed, bias }: Product, stored: Stored): boolean {
  const outputs = stored.get(weight)!.dims[isTransposed ? 0 : 1];
  return bias === undefined || stored.get(bias)?.dims.join() === String(outputs);
}

/** The matrix of a product as [O, I]. */
export function matrixOf({ weight, isTransposed }: Product, stored: Stored): Tensor {
  const matrix = stored.get(weight)!;
  return isTransposed ? matrix : transposedMatrix(matrix);
}
