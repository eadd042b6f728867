import { type GraphBuilder, isConstant } from '../graph/builder.ts';
import { mul, sub } from '../graph/ops.ts';
import { liveNodes, producers, rewriteNodes, useCounts, usedNames } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/*
 * Other ways to write a loop's body, equal up to rounding, in which more is free of the carried state and can leave the
 * loop. `carriedInputs` are the states' names, `outer` builds the graph around the loop.
 */

/** Factors out what depends on the state: g − g · f becomes g · (1 − f) where f does not. Gates make such sums. */
export function factorDifferences(body: Graph, carriedInputs: readonly string[], outer: GraphBuilder): Graph {
  const carried = carriedNames(body, carriedInputs);
  const made = producers(body.nodes);
  const factored = rewriteNodes(
    body,
    (b, node) => {
      for (const [g, product] of differences(node, made)) {
        const f = carried.has(g) ? factorOf(made.get(product), g) : undefined;
        if (f === undefined || carried.has(f) || b.value(f).type.elementType !== 'float32') continue;
        b.node('Mul', [b.value(g), sub(b.float(1), b.value(f))], {}, node.outputs, '', node.name);
        return true;
      }
      return false;
    },
    { outer },
  );
  // What is left of the old sums would count as a use.
  const outputs = body.outputs.map((o) => o.name);
  return { ...factored, nodes: liveNodes(factored.nodes, outputs) };
}

/** The ways to read a node as a − b. */
function differences({ op, domain, inputs }: Node, made: ReadonlyMap<string, Node>): [string, string][] {
  const [a, b] = inputs as [string, string];
  if (domain !== '') return [];
  if (op === 'Sub') return [[a, b]];
  if (op !== 'Add') return [];
  const negated = (name: string) => (made.get(name)?.op === 'Neg' ? made.get(name)!.inputs[0] : undefined);
  return [[a, negated(b)] as const, [b, negated(a)] as const].filter(
    (way): way is [string, string] => way[1] !== undefined,
  );
}

/** f, where a node is g · f. */
function factorOf(product: Node | undefined, g: string): string | undefined {
  if (product?.op !== 'Mul' || product.domain !== '' || !product.inputs.includes(g)) return undefined;
  return product.inputs[product.inputs[0] === g ? 1 : 0];
}

/** Lets factors without the carried state meet first: (v · a) · b becomes v · (a · b), and a · b can leave the loop. */
export function reassociateProducts(body: Graph, carriedInputs: readonly string[], outer: GraphBuilder): Graph {
  const carried = carriedNames(body, carriedInputs);
  for (let at = body; ; ) {
    const made = producers(at.nodes);
    const uses = useCounts(at);
    const changed = new Set<string>();
    const next = rewriteNodes(
      at,
      (b, node) => {
        const product = mixedProduct(node, carried);
        const maker = product && uses.get(product.carried) === 1 ? made.get(product.carried) : undefined;
        const inner = maker && !changed.has(product!.carried) ? mixedProduct(maker, carried) : undefined;
        if (product === undefined || inner === undefined) return false;
        const factor = mul(b.value(inner.free), b.value(product.free));
        b.node('Mul', [b.value(inner.carried), factor], {}, node.outputs, '', node.name);
        changed.add(node.outputs[0]!);
        return true;
      },
      { outer },
    );
    if (changed.size === 0) return at;
    at = next;
  }
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
