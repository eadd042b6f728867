import { intsAttribute } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic } from '../graph/dims.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { flatten, gemm, reshape } from '../graph/ops.ts';
import { producers, removeDeadNodes, replaceWith, rewriteNodes, useCounts } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/**
 * Linear layers on sequences as one Gemm: MatMul(x [T, B, K], W [K, N]) + bias becomes Gemm on [T·B, K], which adds the
 * bias on the way and takes a transposed weight as it is. Needs fixed sizes; other products stay as they are.
 */
export function fuseLinear(graph: Graph): Graph {
  const typeOf = inferTypes(graph);
  const made = producers(graph.nodes);
  const uses = useCounts(graph);
  const product = (name: string | undefined): Node | undefined => {
    const node = made.get(name ?? '');
    if (node?.op !== 'MatMul') return undefined;
    const [x, w] = node.inputs.map((i) => typeOf(i)?.shape);
    return isStatic(x) && isStatic(w) && x.length > 2 && w.length === 2 ? node : undefined;
  };
  const emit = (b: GraphBuilder, node: Node, output: Node, bias: Value | undefined) => {
    const x = b.value(node.inputs[0]!);
    const maker = made.get(node.inputs[1]!);
    const turned = maker?.op === 'Transpose' && (intsAttribute(maker, 'perm') ?? [1, 0]).join() === '1,0';
    const weight = b.value(turned ? maker.inputs[0]! : node.inputs[1]!);
    const rank = x.type.shape!.length;
    const rows = gemm(flatten(x, rank - 1), weight, bias, turned ? { transB: true } : {});
    const shape = typeOf(output.outputs[0]!)!.shape as readonly number[];
    return replaceWith(b, output, reshape(rows, shape));
  };
  const fused = rewriteNodes(graph, (b, node) => {
    if (node.op === 'Add') {
      const side = node.inputs.findIndex((name) => product(name) && uses.get(name) === 1);
      const bias = side < 0 ? undefined : typeOf(node.inputs[1 - side]!)?.shape;
      const columns = typeOf(node.inputs[side] ?? '')?.shape?.at(-1);
      if (bias?.length !== 1 || bias[0] !== columns) return false;
      return emit(b, product(node.inputs[side])!, node, b.value(node.inputs[1 - side]!));
    }
    if (node.op !== 'MatMul' || product(node.outputs[0]) === undefined) return false;
    return emit(b, node, node, undefined);
  });
  return removeDeadNodes(fused);
}
