import type { GraphBuilder } from '../graph/builder.ts';
import { isLookup } from '../graph/operators.ts';
import { cast, gather } from '../graph/ops.ts';
import { allNodes, removeDeadNodes, rewriteAll, usedNames } from '../graph/rewrite.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import { isLargeMatrix } from './candidates.ts';
import { quantizeSymmetric } from './symmetric.ts';

/** What becomes of tables that are read otherwise, too. */
export interface RowsOptions {
  /** Operator set of the graph. */
  readonly opset: number | undefined;
  /** True to leave those alone of which something reads more than rows. */
  readonly onlyLookedUp: boolean;
  /** Hears the name of each table that is stored so. */
  readonly onWeight: (name: string) => void;
}

/**
 * The graph with stored float32 tables [V, E] that it looks rows up in as int8 rows with a scale each [V, 1]: the rows
 * that are picked are cast and multiplied, so that memory holds a byte for each number. Bodies included.
 */
export function int8Rows(graph: Graph, { opset, onlyLookedUp, onWeight }: RowsOptions): Graph {
  const others = new Set(allNodes(graph).flatMap((node) => (isLookup(node) ? node.inputs.slice(1) : usedNames(node))));
  const isWanted = (node: Node) => isLookup(node) && !(onlyLookedUp && others.has(node.inputs[0]!));
  const made = new Map<string, Rows | undefined>();
  const visit = (b: GraphBuilder, node: Node): boolean => {
    if (!isWanted(node)) return false;
    const [table, ids] = node.inputs as [string, string];
    if (!made.has(table)) made.set(table, rowsOf(b, table));
    const rows = made.get(table);
    if (rows === undefined) return false;
    onWeight(table);
    const [values, scales] = [rows.values, rows.scales].map((name) => gather(b.value(name), b.value(ids)));
    b.node('Mul', [cast(values!, 'float32'), scales], {}, node.outputs, '', node.name || undefined);
    return true;
  };
  const rewritten = rewriteAll(graph, isWanted, visit, { opset });
  return rewritten === graph ? graph : removeDeadNodes(rewritten);
}

/** The names under which a table is stored now. */
interface Rows {
  readonly values: string;
  readonly scales: string;
}

function rowsOf(b: GraphBuilder, name: string): Rows | undefined {
  const whole = b.value(name);
  const table: Tensor | undefined = b.tensorOf(whole);
  if (table?.dims.length !== 2 || !isLargeMatrix(table)) return undefined;
  const found = quantizeSymmetric(table, [1]);
  if (found === undefined) return undefined;
  const values = b.storedLike(whole, b.unique(`${name}.int8`), found.values);
  const scales = b.storedLike(whole, b.unique(`${name}.scale`), found.scales);
  return { values: values.name, scales: scales.name };
}
