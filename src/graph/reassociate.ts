import { isConstant } from './builder.ts';
import { producers, useCounts } from './rewrite.ts';
import type { Graph, Node } from './types.ts';

/**
 * Reorders products in a loop's body so that factors without the carried state meet first: (v · a) · b becomes
 * v · (a · b), and a · b can then leave the loop. Equal up to rounding; `carriedInputs` are the states' names.
 */
export function reassociateProducts(body: Graph, carriedInputs: readonly string[]): Graph {
  const carried = new Set(carriedInputs);
  for (const node of body.nodes) {
    if (!isConstant(node) && node.inputs.some((name) => carried.has(name)))
      for (const o of node.outputs) carried.add(o);
  }
  let nodes = body.nodes;
  const outputs = body.outputs.map((o) => o.name);
  for (let again = true; again; ) {
    again = false;
    const made = producers(nodes);
    const uses = useCounts(nodes, outputs);
    const next: Node[] = [];
    const changed = new Set<string>();
    for (const node of nodes) {
      const outer = mixedProduct(node, carried);
      const innerNode = outer && made.get(outer.carried);
      const inner =
        innerNode && uses.get(outer.carried) === 1 && !changed.has(outer.carried)
          ? mixedProduct(innerNode, carried)
          : undefined;
      if (outer === undefined || inner === undefined) {
        next.push(node);
        continue;
      }
      const factor = `${node.outputs[0]}_factor`;
      next.push({ ...node, name: factor, inputs: [inner.free, outer.free], outputs: [factor] });
      next.push({ ...node, inputs: [inner.carried, factor] });
      changed.add(node.outputs[0]!);
      again = true;
    }
    nodes = next;
  }
  return { ...body, nodes };
}

/** The operands of a Mul of which exactly one depends on the carried state. */
function mixedProduct(node: Node, carried: ReadonlySet<string>): { carried: string; free: string } | undefined {
  if (node.op !== 'Mul' || node.domain !== '') return undefined;
  const [a, b] = [node.inputs[0]!, node.inputs[1]!];
  if (carried.has(a) === carried.has(b)) return undefined;
  return carried.has(a) ? { carried: a, free: b } : { carried: b, free: a };
}
