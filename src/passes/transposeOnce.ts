import { intAttribute, intsAttribute } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic, sizeOf } from '../graph/dims.ts';
import { reshape, transpose } from '../graph/ops.ts';
import { producers, removeDeadNodes, rewriteNodes } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/** Most columns of a product that the engine computes in one go. */
const COLUMNS = 128;

/**
 * Products Aᵀ · B, as gradients of weights are, with A transposed once before them. The engine's product on a CPU transposes
 * a left factor itself, piece by piece, and does so anew for each 128 columns of the result; several products of one A do so
 * each. Needs fixed sizes; other products stay as they are. The result computes the same values.
 */
export function transposeOnce(graph: Graph): Graph {
  const made = producers(graph.nodes);
  /** Aᵀ of each A, and the tensors that they are reshaped from: several matrices may be rows of one. */
  const matrices = new Map<string, Value>();
  const tensors = new Map<string, Value>();
  const transposed = (b: GraphBuilder, a: Value): Value => {
    const known = matrices.get(a.name);
    if (known) return known;
    const { source, perm } = originOf(b, made, a);
    const key = [source.name, ...perm].join();
    const tensor = tensors.get(key) ?? transpose(source, perm);
    tensors.set(key, tensor);
    const [rows, columns] = a.type.shape as readonly [number, number];
    const matrix = reshape(tensor, [columns, rows]);
    matrices.set(a.name, matrix);
    return matrix;
  };
  const rewritten = rewriteNodes(graph, (b, node) => {
    if (node.op !== 'Gemm' || node.domain !== '' || intAttribute(node, 'transA', 0) !== 1) return false;
    const [a, right] = node.inputs.map((name) => b.value(name));
    const columns = right!.type.shape?.[intAttribute(node, 'transB', 0) === 1 ? 0 : 1];
    if (!isStatic(a!.type.shape) || typeof columns !== 'number' || columns <= COLUMNS) return false;
    const { transA: _, ...attributes } = node.attributes;
    b.addNode({ ...node, attributes, inputs: [transposed(b, a!).name, ...node.inputs.slice(1)] });
    return true;
  });
  return removeDeadNodes(rewritten);
}

/**
 * What Aᵀ of a matrix [K, M] is a Transpose of: of the tensor [T, B, M] whose rows A has, or of what that is itself a
 * Transpose of. Never of the matrix: the engine would take a Transpose [K, M] → [M, K] back into the product.
 */
function originOf(b: GraphBuilder, made: ReadonlyMap<string, Node>, a: Value) {
  const source = sequenceOf(b, made.get(a.name), a) ?? reshape(a, [1, ...(a.type.shape as readonly number[])]);
  const last = source.type.shape!.length - 1;
  const perm = [last, ...Array.from({ length: last }, (_, axis) => axis)];
  const maker = made.get(source.name);
  const before = maker?.op === 'Transpose' ? intsAttribute(maker, 'perm') : undefined;
  if (before === undefined) return { source, perm };
  return { source: b.value(maker!.inputs[0]!), perm: perm.map((axis) => before[axis]!) };
}

/** The tensor [T, …, M] that a matrix [K, M] was reshaped from. */
function sequenceOf(b: GraphBuilder, maker: Node | undefined, matrix: Value): Value | undefined {
  if (maker?.op !== 'Flatten' && maker?.op !== 'Reshape') return undefined;
  const source = b.value(maker.inputs[0]!);
  const { shape } = source.type;
  const [rows, columns] = matrix.type.shape as readonly [number, number];
  if (!isStatic(shape) || shape.length < 3 || shape.at(-1) !== columns) return undefined;
  return sizeOf(shape) === rows * columns ? source : undefined;
}
