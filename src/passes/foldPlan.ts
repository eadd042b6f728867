import { constantTensor } from '../graph/attributes.ts';
import { isStatic, sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { canEvaluate } from '../graph/evaluate/evaluate.ts';
import { capturedNames, liveNodes, usedNames } from '../graph/rewrite.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import type { KnownValue, Search } from './knownValues.ts';

/** What is folded, and at which price. */
export interface FoldPolicy extends Search {
  /** True for a value that may be folded. */
  mayFold(name: string): boolean;
  /** True for one that costs nothing. */
  isFree(value: KnownValue): boolean;
  /** True where other values may take the place of stored tensors. */
  isFair(exchange: Exchange): boolean;
}

/** Values that would take the place of some stored tensors; `staying` are those of them that something else needs. */
interface Exchange {
  readonly values: readonly KnownValue[];
  readonly sources: ReadonlySet<string>;
  readonly staying: ReadonlySet<string>;
}

/** Tensors of at most so many bytes cost nothing. */
const SMALL = 1024;
/** The file may grow by so many bytes where one set of stored tensors takes the place of another. */
const MOST_GROWTH = 4096;

/** Bytes of a tensor's values; texts count by their length. */
function bytesOf({ data }: Tensor): number {
  return Array.isArray(data) ? data.reduce((sum, text) => sum + text.length, 0) : data.byteLength;
}

/** Folds all that the file does not grow for. */
export function foldWhatCostsLittle(graph: Graph): FoldPolicy {
  const stored = storedHere(graph);
  const staying = stayingNames(graph);
  const isLarge = (tensor: Tensor) => bytesOf(tensor) > SMALL;
  const sum = (tensors: readonly Tensor[]) => tensors.reduce((total, tensor) => total + bytesOf(tensor), 0);
  return {
    isWanted: () => true,
    isSource: isLarge,
    isHopeless: (values, sources) =>
      [...sources].some((name) => staying.has(name)) &&
      values.some(({ type: { shape } }) => !isStatic(shape) || sizeOf(shape) > SMALL),
    mayFold: () => true,
    isFree: ({ tensor }) => !isLarge(tensor),
    isFair(exchange) {
      const going = [...exchange.sources].filter((name) => !exchange.staying.has(name));
      const before = sum(going.flatMap((name) => stored.get(name) ?? []));
      return sum(exchange.values.map(({ tensor }) => tensor)) - before <= MOST_GROWTH;
    },
  };
}

/** Folds these values and no others; of parameters only those that nothing else needs, so that shared ones stay shared. */
export function foldWanted(graph: Graph, names: ReadonlySet<string>): FoldPolicy {
  const reaching = new Set(liveNodes(graph.nodes, names));
  return {
    isWanted: (node) => reaching.has(node),
    isSource: ({ elementType, data }, name) => isFloat(elementType) && data.length > 1 && graph.initializers.has(name),
    isHopeless: () => false,
    mayFold: (name) => names.has(name),
    isFree: ({ sources }) => sources.size === 0,
    isFair: ({ staying }) => staying.size === 0,
  };
}

/** Stored tensors that stay in the file whatever is folded: others need them, or a graph around this one has them. */
function stayingNames(graph: Graph): Set<string> {
  const others = graph.nodes.filter((node) => !canEvaluate(node) && constantTensor(node) === undefined);
  const given = graph.outputs.map((o) => o.name);
  return new Set([...capturedNames(graph), ...others.flatMap(usedNames), ...given]);
}

/** Which values become constants, and which nodes go. */
export interface FoldPlan {
  readonly folded: ReadonlySet<string>;
  readonly gone: ReadonlySet<Node>;
}

/** Values are folded where something that stays uses them, together with all others that their node gives. */
export function planFolds(graph: Graph, known: ReadonlyMap<string, KnownValue>, policy: FoldPolicy): FoldPlan {
  const candidates = new Set([...known.values()].map(({ node }) => node));
  const outputs = graph.outputs.map((o) => o.name);
  const base = [...graph.nodes.filter((node) => !candidates.has(node)).flatMap(usedNames), ...outputs];
  const foldable = foldableNames(known, new Set(base), policy);
  const kept = new Set<Node>();
  for (;;) {
    const needed = new Set([...base, ...[...kept].flatMap((node) => node.inputs)]);
    const uses = (node: Node) => node.outputs.filter((name) => needed.has(name));
    const more = [...candidates].filter((n) => !kept.has(n) && uses(n).some((name) => !foldable.has(name)));
    if (more.length === 0) {
      const gone = new Set([...candidates].filter((node) => !kept.has(node)));
      return { folded: new Set([...gone].flatMap(uses)), gone };
    }
    for (const node of more) kept.add(node);
  }
}

/**
 * Names of the known values that may be folded: free ones, and sets of those that share sources, if that is fair. `base`
 * are the names that something uses whatever is folded.
 */
function foldableNames(
  known: ReadonlyMap<string, KnownValue>,
  base: ReadonlySet<string>,
  policy: FoldPolicy,
): Set<string> {
  const found: string[] = [];
  let sets: { names: string[]; sources: Set<string> }[] = [];
  for (const [name, value] of known) {
    if (!policy.mayFold(name)) continue;
    if (policy.isFree(value)) found.push(name);
    else if (base.has(name)) {
      const sharing = sets.filter((set) => [...value.sources].some((source) => set.sources.has(source)));
      const names = [name, ...sharing.flatMap((set) => set.names)];
      const sources = new Set([...value.sources, ...sharing.flatMap((set) => [...set.sources])]);
      sets = [...sets.filter((set) => !sharing.includes(set)), { names, sources }];
    }
  }
  for (const { names, sources } of sets) {
    const staying = new Set([...sources].filter((source) => base.has(source)));
    if (policy.isFair({ values: names.map((name) => known.get(name)!), sources, staying })) found.push(...names);
  }
  return new Set(found);
}
