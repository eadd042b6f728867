import { isLookup } from '../graph/operators.ts';
import { readNames, removeDeadNodes, replaceWith, rewriteNodes } from '../graph/rewrite.ts';
import type { Graph } from '../graph/types.ts';

/** An embedding table that is looked up outside the graph: rows of `table` go in at `values`. */
export interface Lookup {
  readonly table: string;
  /** Graph input of the original model that holds the indices. */
  readonly indices: string;
  /** Input [T, B, size] that takes the rows. */
  readonly values: string;
}

/**
 * Cuts embedding lookups (Gather of rows of an initializer by a graph input) out of the graph. Their gradient is then
 * [T, B, size] instead of a mostly zero [V, size], and the update touches only the rows that occurred.
 */
export function detachLookups(
  graph: Graph,
  isWanted: (lookup: Pick<Lookup, 'table' | 'indices'>) => boolean = () => true,
): { graph: Graph; lookups: Lookup[] } {
  const inputs = new Set(graph.inputs.map((v) => v.name));
  const lookups: Lookup[] = [];
  const rewritten = rewriteNodes(graph, (b, node) => {
    const [table, indices] = node.inputs;
    const tensor = graph.initializers.get(table ?? '');
    const rows = isLookup(node) && tensor?.dims.length === 2;
    if (!rows || tensor?.elementType !== 'float32' || !inputs.has(indices!)) return false;
    if (!isWanted({ table: table!, indices: indices! })) return false;
    const shape = [...(b.value(indices!).type.shape ?? []), tensor.dims[1]!];
    const values = b.input(b.fresh(`${table}_rows`), 'float32', shape);
    lookups.push({ table: table!, indices: indices!, values: values.name });
    return replaceWith(b, node, values);
  });
  const detached = removeDeadNodes(rewritten);
  const used = readNames(detached);
  return { graph: { ...detached, inputs: detached.inputs.filter((v) => used.has(v.name)) }, lookups };
}
