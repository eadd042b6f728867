import { nodeTitle } from '../../graph/names.ts';
import type { StatePair } from '../../graph/states.ts';
import type { Graph, Node } from '../../graph/types.ts';
import { stepFlowOf } from '../../passes/states/pairs.ts';
import type { StepFlow } from '../../passes/states/relations.ts';
import { idsOf } from './traced.ts';
import type { TracedLayer } from './tracedLayer.ts';
import type { Trace } from './walk.ts';

/** A cell that is taken apart into one step: the parts of states that it takes, and the new ones that it gives. */
interface Cell {
  /** With the input that each is a part of. */
  readonly starts: Map<string, string>;
  readonly ends: Set<string>;
  /** Products with weights that read a part. */
  readonly products: Set<Node>;
  /** True where a gate weights a state that goes on. */
  gated: boolean;
}

/**
 * The layers between streaming states that an exporter took apart into one step: a new state follows from the old one
 * through a product with weights. What belongs to one cell (h and c) is one layer, unless its units differ in number (a
 * projection). `seen` are the classes of units that other layers have.
 */
export function stateCells(
  graph: Graph,
  trace: Trace,
  states: readonly StatePair[],
  seen: ReadonlySet<number>,
): TracedLayer[] {
  if (states.length === 0) return [];
  const { flow, starts, endings } = stepFlowOf(
    graph,
    states,
    graph.inputs.map((v) => v.name),
  );
  const cells = joined(
    states.flatMap(({ input, output }) => {
      const own = new Set(endings.get(output)!.parts.map((p) => p.value));
      return starts.get(input)!.flatMap(({ value }) => cellOf(flow, trace, input, value, own) ?? []);
    }),
  ).filter((cell) => cell.gated || cell.products.size > 0);
  const names = cellNames(cells);
  return cells.flatMap((cell, i) => layersOf(cell, names[i]!, trace, seen));
}

/** What a cell makes of one part of a state; undefined where no new state is made of it. `own` are those of its pair. */
function cellOf(flow: StepFlow, trace: Trace, input: string, part: string, own: ReadonlySet<string>): Cell | undefined {
  const relations = [...flow.relationsOf(part)].filter(([, relation]) => relation !== 'slot');
  const classes = new Set(rootsOf(part, trace));
  // A state that stays has no class of its own to be known by.
  const isSame = (end: string) => {
    const roots = rootsOf(end, trace);
    return roots.length === 0 && classes.size === 0 ? own.has(end) : roots.some((root) => classes.has(root));
  };
  const direct = relations.filter(([end]) => isSame(end));
  const through = relations.map(([end]) => end);
  const others = through.flatMap((end) => [...flow.projectionsOf(end)]);
  const projected = direct.length > 0 ? [] : others.filter((end) => own.has(end) && isSame(end));
  if (direct.length + projected.length === 0) return undefined;
  return {
    starts: new Map([[part, input]]),
    ends: new Set([...direct.map(([end]) => end), ...projected]),
    products: new Set(flow.productsOf(part).filter((node) => flow.leads(node, through))),
    gated: direct.some(([, relation]) => relation === 'gated'),
  };
}

function rootsOf(value: string, { values, identities }: Trace): number[] {
  const traced = values.get(value);
  return traced === undefined ? [] : identities.rootsOf(idsOf(traced).flatMap((ids) => [...ids]));
}

/** Cells that give the same new state are one. */
function joined(cells: readonly Cell[]): Cell[] {
  const found: Cell[] = [];
  for (const cell of cells) {
    const same = found.filter((other) => [...cell.ends].some((end) => other.ends.has(end)));
    const first = same[0];
    if (first === undefined) {
      found.push(cell);
      continue;
    }
    for (const other of [cell, ...same.slice(1)]) {
      for (const [part, input] of other.starts) first.starts.set(part, input);
      for (const end of other.ends) first.ends.add(end);
      for (const node of other.products) first.products.add(node);
      first.gated ||= other.gated;
      if (other !== cell) found.splice(found.indexOf(other), 1);
    }
  }
  return found;
}

/** One layer for each list of units among the new states of a cell. */
function layersOf(cell: Cell, name: string, trace: Trace, seen: ReadonlySet<number>): TracedLayer[] {
  const layers = new Map<string, TracedLayer>();
  for (const end of cell.ends) {
    const value = trace.values.get(end);
    if (value?.kind !== 'flow' || value.axis === undefined) continue;
    const { ids } = value;
    const classes = ids.reduce((text, id) => `${text} ${trace.identities.find(id)}`, '');
    if (trace.identities.rootsOf(ids).some((root) => seen.has(root)) || layers.has(classes)) continue;
    const title = layers.size === 0 ? name : `${name} (${end})`;
    layers.set(classes, { name: title, operator: kindOf(cell, ids.length, trace), ids });
  }
  return [...layers.values()];
}

/** Which cell has so many units, gates and states. */
function kindOf(cell: Cell, units: number, trace: Trace): string {
  let made = 0;
  for (const node of cell.products) {
    const weights = node.inputs.map((name) => trace.values.get(name)).filter((value) => value?.kind === 'weight');
    const axes = weights.flatMap((value) => (value?.kind === 'weight' ? value.axes : []));
    made += axes.find((axis) => axis.sources.some((s) => s.role === 'produces'))?.ids.length ?? 0;
  }
  if (cell.gated && cell.ends.size === 2 && made === 4 * units) return 'LSTM cell';
  if (cell.gated && cell.ends.size === 1 && made === 3 * units) return 'GRU cell';
  return !cell.gated && made === units ? 'RNN cell' : 'cell';
}

/**
 * The scope in which a cell's first product lies, as exporters name nodes (`encoder/lstm/MatMul`); else the state that
 * only this cell takes; else the product.
 */
function cellNames(cells: readonly Cell[]): string[] {
  const firsts = cells.map((cell) => {
    const [product] = cell.products;
    return product ? nodeTitle(product) : [...cell.ends][0]!;
  });
  const scopes = firsts.map((title) => title.slice(0, Math.max(0, title.lastIndexOf('/'))));
  const isAlone = (list: readonly string[], item: string) => list.filter((other) => other === item).length === 1;
  const inputs = cells.map((cell) => [...cell.starts.values()][0]!);
  return cells.map((_, i) => {
    const [scope, input] = [scopes[i]!, inputs[i]!];
    if (scope.replaceAll('/', '') !== '' && isAlone(scopes, scope)) return scope;
    return isAlone(inputs, input) ? input : firsts[i]!;
  });
}
