import { isRecurrent, operators } from '../../graph/operators.ts';
import { producers } from '../../graph/rewrite.ts';
import { RECURRENT_INPUT } from '../../graph/slots.ts';
import type { Graph, Node } from '../../graph/types.ts';
import { detachLookups } from '../../passes/detachLookups.ts';
import { lowerRecurrent } from '../../passes/lowerRecurrent.ts';
import type { FirstModel } from '../kind.ts';

/** What SET makes sparse. */
export interface SparseParts {
  /** Tables that are only looked up. */
  readonly tables: ReadonlySet<string>;
  /** Matrices that make the inputs of units: input and recurrent weights, not the classifier. */
  readonly matrices: ReadonlySet<string>;
}

/** The parts of a model that SET makes sparse; a table that is the output's matrix too stays dense, like the classifier. */
export function sparseParts({ graph, groups, trained }: FirstModel): SparseParts {
  const { graph: detached, lookups } = detachLookups(lowerRecurrent(graph));
  const looked = new Set(lookups.map((l) => l.table));
  const tables = [...looked].filter((name) => trained.has(name) && !detached.initializers.has(name));
  const produce = groups.axes.filter(({ role }) => role === 'produces').map(({ tensor }) => tensor);
  const isMatrix = (name: string) => (graph.initializers.get(name)?.dims.filter((d) => d > 1).length ?? 0) > 1;
  const matrices = produce.filter((name) => trained.has(name) && !looked.has(name) && isMatrix(name));
  return { tables: new Set(tables), matrices: new Set(matrices) };
}

/** Number of gates whose rows lie one behind the other in each weight matrix of a recurrent operator. */
export function gatesOf(graph: Graph): Map<string, number> {
  const made = producers(graph.nodes);
  const gates = new Map<string, number>();
  for (const node of graph.nodes) {
    if (!isRecurrent(node)) continue;
    const { length } = operators[node.op as 'LSTM' | 'GRU' | 'RNN'].recurrent.gates;
    for (const place of [RECURRENT_INPUT.weight, RECURRENT_INPUT.recurrent]) {
      gates.set(sourceOf(node.inputs[place] ?? '', made), length);
    }
  }
  return gates;
}

/** The stored tensor behind dropout of weights. */
function sourceOf(name: string, made: ReadonlyMap<string, Node>): string {
  const maker = made.get(name);
  const passes = maker?.op === 'Dropout' || maker?.op === 'Identity';
  return maker && passes ? sourceOf(maker.inputs[0]!, made) : name;
}
