import { graphAttribute, intAttribute } from '../../graph/attributes.ts';
import { nodeTitle } from '../../graph/names.ts';
import { isLoop, isRecurrent, type LoopNode, operators, traits } from '../../graph/operators.ts';
import { allNodes, bodiesOf, producers, usedNames } from '../../graph/rewrite.ts';
import { RECURRENT_INPUT } from '../../graph/slots.ts';
import type { StatePair } from '../../graph/states.ts';
import type { Graph, Node } from '../../graph/types.ts';
import { stateCells } from './stateCells.ts';
import type { TracedLayer } from './tracedLayer.ts';
import type { Trace } from './walk.ts';

/**
 * The layers of cells that an exporter took apart: states of Scan and Loop that a product inside the loop reads, single
 * steps between streaming states, and units that weights both read and make in several places (a cell that is unrolled).
 * `graph` is the one before its recurrent operators are lowered, which have names of their own.
 */
export function recurrentStates(graph: Graph, trace: Trace, states: readonly StatePair[] = []): TracedLayer[] {
  const { identities } = trace;
  const found = loopStates(graph, trace);
  const seen = new Set<number>();
  const see = (ids: Int32Array) => {
    for (const root of identities.rootsOf(ids)) seen.add(root);
  };
  for (const { ids } of found) see(ids);
  for (const node of allNodes(graph).filter(isRecurrent)) {
    const recurrent = trace.values.get(node.inputs[RECURRENT_INPUT.recurrent] ?? '');
    if (recurrent?.kind === 'weight') see(recurrent.axes[2]!.ids);
  }
  const cells = stateCells(graph, trace, states, seen);
  for (const { ids } of cells) see(ids);
  found.push(...cells);
  return [...found, ...unrolledCells(graph, trace, seen)];
}

/** States of the loops of a graph, and of those inside them. */
function loopStates(graph: Graph, trace: Trace): TracedLayer[] {
  return graph.nodes.flatMap((node): TracedLayer[] => {
    const inside = bodiesOf(node).flatMap((body) => loopStates(body, trace));
    const body = graphAttribute(node, 'body');
    if (body === undefined || !isLoop(node)) return inside;
    const operator = node.op;
    const inputs = carriedInputs(node, body);
    const { outputsBefore } = operators[operator].loop;
    const carried = new Set(body.outputs.slice(0, inputs.length + outputsBefore).map((o) => o.name));
    const title = nodeTitle(node);
    const seen = new Set<number>();
    const layersRead = (ends: ReadonlySet<string>) =>
      inputs.flatMap((name): TracedLayer[] => {
        const ids = unitsOf(name, trace);
        if (ids === undefined || readsOf(body, name, ends, trace).length === 0) return [];
        return [{ name: loopTitle(title, name, inputs.length === 1), operator, ids }];
      });
    const layers = layersRead(carried);
    for (const layer of layers) for (const id of layer.ids) seen.add(trace.identities.find(id));
    // Units of a memory that only a projection reads are no output's.
    const memories = layersRead(new Set()).filter((l) => !l.ids.some((id) => seen.has(trace.identities.find(id))));
    return [...layers, ...memories, ...inside];
  });
}

/** `scan (h)`; or `rhn (h)` for `rhn.h`, a state that is named after its loop, and `rhn` where it is the only state. */
function loopTitle(loop: string, state: string, only: boolean): string {
  if (!state.startsWith(`${loop}.`)) return `${loop} (${state})`;
  return only ? loop : `${loop} (${state.slice(loop.length + 1)})`;
}

/** Names that a body gives to the states of a Scan or Loop. */
function carriedInputs(node: LoopNode, body: Graph): string[] {
  const names = body.inputs.map((v) => v.name);
  const first = operators[node.op].loop.inputsBefore;
  return names.slice(first, names.length - intAttribute(node, 'num_scan_inputs', 0));
}

function unitsOf(name: string, { values }: Trace): Int32Array | undefined {
  const value = values.get(name);
  return value?.kind === 'flow' && value.axis !== undefined ? value.ids : undefined;
}

/**
 * Names of the values through which products with weights read a state in the step itself: on any way but through
 * another product or layer, or through a new state (the memory of an LSTM is read one step later, as its output).
 */
function readsOf(graph: Graph, state: string, carried: ReadonlySet<string>, trace: Trace): string[] {
  const made = producers(graph.nodes);
  const ends = new Set(carried);
  for (const name of carried) {
    for (let at = name; made.get(at)?.op === 'Identity'; ) {
      at = made.get(at)!.inputs[0] ?? '';
      if (ends.has(at)) break;
      ends.add(at);
    }
  }
  const reads = new Set<string>();
  spread(graph, new Set([state]), ends, reads, trace);
  return [...reads];
}

function spread(graph: Graph, names: Set<string>, ends: ReadonlySet<string>, reads: Set<string>, trace: Trace): void {
  for (const node of graph.nodes) {
    if (node.op === 'If') for (const body of bodiesOf(node)) spread(body, names, ends, reads, trace);
    const from = node.inputs.find((name) => names.has(name));
    if (from === undefined) continue;
    if (traits(node).product) {
      if (node.inputs.some((name) => trace.values.get(name)?.kind === 'weight')) reads.add(from);
    } else if (!isRecurrent(node) && !isLoop(node)) {
      for (const name of node.outputs) if (name !== '' && !ends.has(name)) names.add(name);
    }
  }
}

/** A stored weight that several products use, with the classes of units that it reads and makes. */
interface RepeatedWeight {
  readonly first: Node;
  readonly reads: Int32Array;
  readonly makes: ReadonlySet<number>;
}

/** Units that repeated weights read and make in a circle: a cell whose steps are all written down. */
function unrolledCells(graph: Graph, trace: Trace, seen: Set<number>): TracedLayer[] {
  const { identities } = trace;
  const weights = repeatedWeights(graph, trace);
  const readBy = (w: RepeatedWeight) => (other: RepeatedWeight) =>
    identities.rootsOf(other.reads).some((root) => w.makes.has(root));
  const readers = new Map(weights.map((w) => [w, weights.filter(readBy(w))]));
  const reachedFrom = (start: RepeatedWeight, found = new Set<RepeatedWeight>()) => {
    for (const w of readers.get(start)!) if (!found.has(w)) reachedFrom(w, found.add(w));
    return found;
  };
  const reached = new Map(weights.map((w) => [w, reachedFrom(w)]));
  return weights.flatMap((w): TracedLayer[] => {
    const circle = weights.filter((other) => reached.get(w)!.has(other) && reached.get(other)!.has(w));
    const ids = w.reads.filter((id) => circle.some((other) => other.makes.has(identities.find(id))));
    const roots = identities.rootsOf(ids);
    if (roots.length === 0 || roots.some((root) => seen.has(root))) return [];
    for (const root of roots) seen.add(root);
    return [{ name: w.first.name || w.first.outputs[0]!, operator: w.first.op, ids }];
  });
}

/** Weights that several products use, one of them on what another one led to: else they are one layer for several inputs. */
function repeatedWeights(graph: Graph, { values, identities }: Trace): RepeatedWeight[] {
  const users = new Map<string, Node[]>();
  for (const node of allNodes(graph)) {
    if (node.op !== 'MatMul' && node.op !== 'Gemm') continue;
    for (const name of node.inputs.slice(0, 2)) {
      const value = values.get(name);
      const sources = value?.kind === 'weight' ? value.axes.flatMap((a) => a.sources.map((s) => s.tensor)) : [];
      for (const tensor of new Set(sources)) users.set(tensor, [...(users.get(tensor) ?? []), node]);
    }
  }
  /** True when what a node makes reaches others of these. */
  const leadsTo = (first: Node, others: readonly Node[]): boolean => {
    const reached = new Set(first.outputs);
    return graph.nodes.some((node) => {
      if (node === first || !usedNames(node).some((name) => reached.has(name))) return false;
      for (const name of node.outputs) reached.add(name);
      return others.includes(node);
    });
  };
  return [...users].flatMap(([tensor, nodes]): RepeatedWeight[] => {
    const axes = identities.stored.filter((s) => s.tensor === tensor);
    const reads = axes.find((s) => s.role === 'reads');
    if (nodes.length < 2 || reads === undefined || !nodes.some((node) => leadsTo(node, nodes))) return [];
    const makes = axes.filter((s) => s.role === 'produces').flatMap((s) => [...s.ids]);
    return [{ first: nodes[0]!, reads: reads.ids, makes: new Set(makes.map((id) => identities.find(id))) }];
  });
}
