import { floats, intAttribute, intsAttribute } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic, normalizeAxis, sizeOf } from '../graph/dims.ts';
import { reducedShape } from '../graph/infer/reduce.ts';
import { flatten, matmul, reshape } from '../graph/ops.ts';
import { replaceWith, rewriteNodes } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/** Fewest numbers for which a product is worth its start. */
const FEWEST = 4096;

/**
 * Sums over all axes but the last, as gradients of biases are, as products 1ᵀ · X: the engine's product on a CPU reads the
 * numbers once, its ReduceSum takes 1.5 to 4 times as long. Needs float32 and fixed sizes. The result computes the same
 * values up to rounding.
 */
export function sumsAsProducts(graph: Graph): Graph {
  return rewriteNodes(graph, (b, node) => {
    if (node.op !== 'ReduceSum' || node.domain !== '') return false;
    const x = b.value(node.inputs[0]!);
    const { shape, elementType } = x.type;
    if (elementType !== 'float32' || !isStatic(shape) || shape.length < 2 || sizeOf(shape) < FEWEST) return false;
    const axes = axesOf(b, node, shape.length);
    const last = shape.length - 1;
    if (axes === undefined || axes.size !== last || axes.has(last)) return false;
    const rows = sizeOf(shape.slice(0, last));
    const ones = b.constant(floats([1, rows], new Array<number>(rows).fill(1)));
    const sums = matmul(ones, matrixOf(x));
    const keep = intAttribute(node, 'keepdims', 1) !== 0;
    return replaceWith(b, node, reshape(sums, reducedShape(shape, [...axes], keep) as readonly number[]));
  });
}

/** The axes of a reduction; undefined where they are computed. */
function axesOf(b: GraphBuilder, node: Node, rank: number): Set<number> | undefined {
  const given = intsAttribute(node, 'axes') ?? (node.inputs[1] ? b.knownInts(b.value(node.inputs[1])) : undefined);
  return given && new Set(given.map((axis) => normalizeAxis(Number(axis), rank)!));
}

function matrixOf(x: Value): Value {
  const rank = x.type.shape!.length;
  return rank === 2 ? x : flatten(x, rank - 1);
}
