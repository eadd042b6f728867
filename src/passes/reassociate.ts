import { constantNode, floats } from '../graph/attributes.ts';
import { isConstant } from '../graph/builder.ts';
import { liveNodes, producers, useCounts, usedNames } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/*
 * Other ways to write a loop's body, equal up to rounding, in which more is free of the carried state and can leave the
 * loop. `carriedInputs` are the states' names.
 */

/**
 * Factors out what depends on the state: g − g · f becomes g · (1 − f) where f does not, and 1 − f can then leave the loop.
 * Gates make such sums, as does the gradient of (h − s) · t + s. `isFloat32` tells of which values.
 */
export function factorDifferences(
  body: Graph,
  carriedInputs: readonly string[],
  isFloat32: (name: string) => boolean,
): Graph {
  const carried = carriedNames(body, carriedInputs);
  const made = producers(body.nodes);
  /** f, where `name` is g · f. */
  const factorOf = (name: string | undefined, g: string): string | undefined => {
    const product = made.get(name ?? '');
    if (product?.op !== 'Mul' || product.domain !== '' || !product.inputs.includes(g)) return undefined;
    const f = product.inputs[product.inputs[0] === g ? 1 : 0]!;
    return carried.has(f) || !isFloat32(f) ? undefined : f;
  };
  const difference = (node: Node): { g: string; f: string } | undefined => {
    const [a, b] = node.inputs as [string, string];
    const negated = (name: string) => (made.get(name)?.op === 'Neg' ? made.get(name)!.inputs[0] : undefined);
    const ways: [string, string | undefined][] =
      node.op === 'Sub'
        ? [[a, b]]
        : node.op === 'Add'
          ? [
              [a, negated(b)],
              [b, negated(a)],
            ]
          : [];
    for (const [g, product] of ways) {
      const f = node.domain === '' && carried.has(g) ? factorOf(product, g) : undefined;
      if (f !== undefined) return { g, f };
    }
    return undefined;
  };
  const nodes = body.nodes.flatMap((node): Node[] => {
    const found = difference(node);
    if (found === undefined) return [node];
    const [one, rest] = [`${node.outputs[0]}_one`, `${node.outputs[0]}_rest`];
    const base = { domain: '', attributes: {} };
    return [
      constantNode(one, floats([], [1])),
      { ...base, op: 'Sub', name: rest, inputs: [one, found.f], outputs: [rest] },
      { ...base, op: 'Mul', name: node.name, inputs: [found.g, rest], outputs: node.outputs },
    ];
  });
  // What is left of the old sums would count as a use.
  const outputs = body.outputs.map((o) => o.name);
  return { ...body, nodes: liveNodes(nodes, outputs) };
}

/**
 * Reorders products in a loop's body so that factors without the carried state meet first: (v · a) · b becomes
 * v · (a · b), and a · b can then leave the loop.
 */
export function reassociateProducts(body: Graph, carriedInputs: readonly string[]): Graph {
  const carried = carriedNames(body, carriedInputs);
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

/** What depends on the state. */
function carriedNames(body: Graph, carriedInputs: readonly string[]): Set<string> {
  const carried = new Set(carriedInputs);
  for (const node of body.nodes) {
    if (!isConstant(node) && usedNames(node).some((name) => carried.has(name)))
      for (const o of node.outputs) carried.add(o);
  }
  return carried;
}

/** The operands of a Mul of which exactly one depends on the carried state. */
function mixedProduct(node: Node, carried: ReadonlySet<string>): { carried: string; free: string } | undefined {
  if (node.op !== 'Mul' || node.domain !== '') return undefined;
  const [a, b] = [node.inputs[0]!, node.inputs[1]!];
  if (carried.has(a) === carried.has(b)) return undefined;
  return carried.has(a) ? { carried: a, free: b } : { carried: b, free: a };
}
