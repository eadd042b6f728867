import { graphsOf } from './attributes.ts';
import type { Graph, Node } from './types.ts';

/** What a node is called: its name, or that of its first output where it has none. */
export function nodeTitle({ name, outputs, op }: Node): string {
  return name || (outputs.find((output) => output !== '') ?? op);
}

/** An operator with its domain, where that is not ONNX's own: `com.microsoft.Gelu`. */
export function operatorName({ op, domain }: Pick<Node, 'op' | 'domain'>): string {
  return domain ? `${domain}.${op}` : op;
}

/** `MatMul 'head'`, for messages. */
export function titleOf(node: Node): string {
  return `${operatorName(node)} '${nodeTitle(node)}'`;
}

/** Names that are taken, of values and nodes alike, and new ones beside them. */
export class Names {
  private readonly taken = new Set<string>();
  /** How often each name was wanted, and the next number of each prefix. */
  private readonly counts = new Map<string, number>();
  private readonly numbers = new Map<string, number>();

  add(name: string): void {
    if (name !== '') this.taken.add(name);
  }

  /** Takes every name in a graph and in the graphs inside it. */
  addGraph(graph: Graph): void {
    for (const { name } of [...graph.inputs, ...graph.outputs]) this.add(name);
    for (const name of graph.initializers.keys()) this.add(name);
    for (const name of graph.opaqueInitializers?.keys() ?? []) this.add(name);
    for (const node of graph.nodes) {
      for (const name of [node.name, ...node.inputs, ...node.outputs]) this.add(name);
      for (const body of graphsOf(node)) this.addGraph(body);
    }
  }

  /** The wanted name, or the first of `wanted_1`, `wanted_2`, … that is free. */
  unique(wanted: string): string {
    let name = wanted;
    let n = this.counts.get(wanted) ?? 0;
    while (this.taken.has(name)) name = `${wanted}_${++n}`;
    this.counts.set(wanted, n);
    this.taken.add(name);
    return name;
  }

  /** The first of `prefix_0`, `prefix_1`, … that is free, as are the names of its outputs, which may outlive a node. */
  numbered(prefix: string): string {
    for (;;) {
      const n = this.numbers.get(prefix) ?? 0;
      this.numbers.set(prefix, n + 1);
      const name = `${prefix}_${n}`;
      if ([name, `${name}_out`, `${name}_out0`].every((each) => !this.taken.has(each))) {
        this.taken.add(name);
        return name;
      }
    }
  }
}
