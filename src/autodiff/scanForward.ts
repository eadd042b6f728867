import { intsAttribute } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import type { Graph, Node } from '../graph/types.ts';
import type { ScanLoop } from './scanStep.ts';

/** A forward loop that gives out more than it did. */
export interface ExtendedLoop {
  readonly node: Node;
  /** The values of all steps [T, …], by the name of the value in the body. */
  readonly stacks: ReadonlyMap<string, Value>;
}

/**
 * The forward loop, whose steps are now these nodes of `body`, with `saved` values as further stacked outputs in the
 * order of its steps. The loop in the graph is replaced where that changes it.
 */
export function saveInForward(loop: ScanLoop, body: Graph, saved: readonly string[]): ReadonlyMap<string, Value> {
  const { builder: b, node } = loop;
  const extended = extendForward(loop, body, saved);
  if (extended.node !== node) b.replaceNode(node, extended.node);
  return new Map([...extended.stacks].map(([name, stack]) => [name, b.value(stack.name)]));
}

function extendForward(loop: ScanLoop, body: Graph, saved: readonly string[]): ExtendedLoop {
  const { builder: b, node, stateCount } = loop;
  const nodes = [...body.nodes];
  const outputs = [...body.outputs];
  const outputNames = [...node.outputs];
  const stacks = new Map<string, Value>();
  const scope = GraphBuilder.from(body, { outer: b });
  for (const name of saved) {
    const k = body.outputs.findIndex(
      (o, i) => i >= stateCount && o.name === name && node.outputs[i] !== '' && !loop.isOutputReversed(i - stateCount),
    );
    if (k >= 0) {
      stacks.set(name, b.value(node.outputs[k]!));
      continue;
    }
    const isComputed = body.nodes.some((n) => n.outputs.includes(name)) && !body.outputs.some((o) => o.name === name);
    const copy = isComputed ? name : b.fresh(`${name}_saved`);
    if (!isComputed) {
      nodes.push({ op: 'Identity', domain: '', name: copy, inputs: [name], outputs: [copy], attributes: {} });
    }
    outputs.push({ name: copy, type: scope.value(name).type });
    const stack = b.fresh(`${name}_steps`);
    outputNames.push(stack);
    stacks.set(name, { name: stack, type: scope.value(name).type, builder: b });
  }
  const added = outputs.length - body.outputs.length;
  if (added === 0 && body.nodes.every((n, i) => n === loop.body.nodes[i])) return { node, stacks };
  const directions = intsAttribute(node, 'scan_output_directions');
  const attributes = {
    ...node.attributes,
    body: { type: 'graph', value: { ...body, nodes, outputs } } as const,
    ...(directions && {
      scan_output_directions: { type: 'ints', value: [...directions, ...new Array<number>(added).fill(0)] } as const,
    }),
  };
  return { node: { ...node, outputs: outputNames, attributes }, stacks };
}
