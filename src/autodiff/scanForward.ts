import { attribute, identityNode, intsAttribute } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import type { Graph } from '../graph/types.ts';
import type { ScanLoop } from './scanStep.ts';

/**
 * The forward loop, whose steps are now these nodes of `body`, with `saved` values as further stacked outputs in the
 * order of its steps. The loop in the graph is replaced where that changes it. Returns the values of all steps [T, …]
 * by the name of the value in the body.
 */
export function saveInForward(loop: ScanLoop, body: Graph, saved: readonly string[]): ReadonlyMap<string, Value> {
  const { builder: b, node, stateCount } = loop;
  const nodes = [...body.nodes];
  const outputs = [...body.outputs];
  const outputNames = [...node.outputs];
  const stacks = new Map<string, string>();
  const scope = GraphBuilder.from(body, { outer: b });
  for (const name of saved) {
    const k = body.outputs.findIndex(
      (o, i) => i >= stateCount && o.name === name && node.outputs[i] !== '' && !loop.isOutputReversed(i - stateCount),
    );
    if (k >= 0) {
      stacks.set(name, node.outputs[k]!);
      continue;
    }
    const isComputed = body.nodes.some((n) => n.outputs.includes(name)) && !body.outputs.some((o) => o.name === name);
    const copy = isComputed ? name : b.fresh(`${name}_saved`);
    if (!isComputed) nodes.push(identityNode(name, copy));
    outputs.push({ name: copy, type: scope.value(name).type });
    const stack = b.fresh(`${name}_steps`);
    outputNames.push(stack);
    stacks.set(name, stack);
  }
  const added = outputs.length - body.outputs.length;
  if (added > 0 || body.nodes.some((n, i) => n !== loop.body.nodes[i])) {
    const directions = intsAttribute(node, 'scan_output_directions');
    const attributes = {
      ...node.attributes,
      body: { type: 'graph', value: { ...body, nodes, outputs } } as const,
      ...(directions && { scan_output_directions: attribute([...directions, ...new Array<number>(added).fill(0)]) }),
    };
    b.replaceNode(node, { ...node, outputs: outputNames, attributes });
  }
  return new Map([...stacks].map(([name, stack]) => [name, b.value(stack)]));
}
