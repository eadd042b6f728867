import { producers, useCounts } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';
import { Modules } from './modules.ts';
import type { Scope } from './scope.ts';

/** A graph on its way to Python. */
export interface Conversion {
  readonly scope: Scope;
  readonly modules: Modules;
  /** The node that makes each value, and how many read it. */
  readonly made: ReadonlyMap<string, Node>;
  readonly uses: ReadonlyMap<string, number>;
}

/** A conversion that begins. */
export function conversionOf(graph: Graph, scope: Scope): Conversion {
  return { scope, modules: new Modules(scope), made: producers(graph.nodes), uses: useCounts(graph) };
}
