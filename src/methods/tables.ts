import type { Graph } from '../graph/types.ts';
import { groupedTensors } from '../groups/groups.ts';
import { detachLookups } from '../passes/detachLookups.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';
import type { CurrentModel } from './kind.ts';

/** Names without tables that words are looked up in, also one that is the output's matrix at the same time. */
export function withoutTables(graph: Graph, names: ReadonlySet<string>): Set<string> {
  const tables = new Set(detachLookups(lowerRecurrent(graph)).lookups.map((l) => l.table));
  return new Set([...names].filter((name) => !tables.has(name)));
}

/** The matrices that units have weights in, tables left out. */
export function prunable({ graph, groups }: CurrentModel): Set<string> {
  return withoutTables(graph, groupedTensors(groups));
}
