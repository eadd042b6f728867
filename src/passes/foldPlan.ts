import { constantTensor } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic, sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { canEvaluate, evaluate } from '../graph/evaluate/evaluate.ts';
import { LazyTensor } from '../graph/lazyTensor.ts';
import { tensorOfNumbers } from '../graph/numbers.ts';
import { bodiesOf, capturedNames, liveNodes, usedNames } from '../graph/rewrite.ts';
import { valueCount } from '../graph/sparseTensor.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';

/** A value that is known before the run, though the graph computes it. */
export interface KnownValue {
  readonly tensor: Tensor;
  /** The node that computes it. */
  readonly node: Node;
  /** Names of the stored tensors that it is made of, those that count. */
  readonly sources: ReadonlySet<string>;
  /** Whether it is made of an initializer of the graph, among others. */
  readonly fromParameter: boolean;
}

/** What is folded, and at which price. */
export interface FoldPolicy {
  /** True for a node whose values matter. */
  isWanted(node: Node): boolean;
  /** True for a stored tensor that counts as a source. */
  isSource(tensor: Tensor, name: string): boolean;
  /** True where these values of a node would be left as they are in any case. */
  isHopeless(values: readonly Value[], sources: ReadonlySet<string>): boolean;
  /** True for a value that may be folded. */
  mayFold(name: string): boolean;
  /** True for one that costs nothing. */
  isFree(value: KnownValue): boolean;
  /** True where values may take the place of stored tensors, of which something else needs the staying ones. */
  isFair(values: readonly KnownValue[], going: readonly string[], staying: readonly string[]): boolean;
  /** True where sizes that follow from types alone stay computed, so that they go on following what they measure. */
  readonly leavesSizes?: boolean;
}

/** Tensors of at most so many bytes cost nothing. */
const SMALL = 1024;
/** The file may grow by so many bytes where one set of stored tensors takes the place of another. */
const MOST_GROWTH = 4096;

/** Bytes of a tensor's values; texts count by their length. Asks no table for its values that has not laid them out. */
function bytesOf(tensor: Tensor): number {
  if (tensor instanceof LazyTensor) return 4 * valueCount(tensor);
  const { data } = tensor;
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
    isFair(values, going) {
      const before = sum(going.flatMap((name) => stored.get(name) ?? []));
      return sum(values.map(({ tensor }) => tensor)) - before <= MOST_GROWTH;
    },
  };
}

/**
 * Folds what is small and no weight, and made of no weight (pads, sizes, masks of a few elements), so that every stored
 * tensor of reals keeps its name and its users.
 */
export function foldSmall(): FoldPolicy {
  const isLarge = (tensor: Tensor) => bytesOf(tensor) > SMALL;
  return {
    isWanted: () => true,
    isSource: (tensor) => (isFloat(tensor.elementType) && sizeOf(tensor.dims) > 1) || isLarge(tensor),
    isHopeless: (_values, sources) => sources.size > 0,
    mayFold: () => true,
    isFree: ({ tensor, sources }) => sources.size === 0 && !isLarge(tensor),
    isFair: () => false,
    leavesSizes: true,
  };
}

/** Folds these values and no others; of parameters only those that nothing else needs, so that shared ones stay shared. */
export function foldWanted(graph: Graph, names: ReadonlySet<string>): FoldPolicy {
  const reaching = new Set(liveNodes(graph.nodes, names));
  return {
    isWanted: (node) => reaching.has(node),
    isSource: ({ elementType, dims }, name) => isFloat(elementType) && sizeOf(dims) > 1 && graph.initializers.has(name),
    isHopeless: () => false,
    mayFold: (name) => names.has(name),
    isFree: ({ sources }) => sources.size === 0,
    isFair: (_values, _going, staying) => staying.length === 0,
  };
}

/** Stored tensors that stay in the file whatever is folded: others need them, or a graph around this one has them. */
function stayingNames(graph: Graph): Set<string> {
  const others = graph.nodes.filter((node) => !canEvaluate(node) && constantTensor(node) === undefined);
  const given = graph.outputs.map((o) => o.name);
  return new Set([...capturedNames(graph), ...others.flatMap(usedNames), ...given]);
}

/**
 * The values of a graph that are known before the run, by name: what is computed from stored tensors, and sizes that
 * follow from types. `b` builds the graph, and gets its nodes on the way.
 */
export function knownValues(graph: Graph, b: GraphBuilder, policy: FoldPolicy): Map<string, KnownValue> {
  const known = new Map<string, KnownValue>();
  const tensorOf = (name: string) => known.get(name)?.tensor ?? b.tensorOf(b.value(name));
  const sourcesOf = (name: string): Iterable<string> => {
    const tensor = tensorOf(name);
    return known.get(name)?.sources ?? (tensor && policy.isSource(tensor, name) ? [name] : []);
  };
  for (const node of graph.nodes) {
    b.addNode(node);
    const mayFold = constantTensor(node) === undefined && bodiesOf(node).length === 0 && !node.outputs.includes('');
    if (!mayFold || !policy.isWanted(node)) continue;
    const inputs = node.inputs.filter((name) => name !== '');
    const sources = new Set(inputs.flatMap((name) => [...sourcesOf(name)]));
    const values = node.outputs.map((name) => b.value(name));
    if (policy.isHopeless(values, sources)) continue;
    const tensors = computed(node, values, tensorOf) ?? (policy.leavesSizes ? [undefined] : values.map(sizesOf));
    if (!tensors.every((tensor) => tensor !== undefined)) continue;
    const fromParameter = inputs.some((name) => known.get(name)?.fromParameter ?? graph.initializers.has(name));
    for (const [i, tensor] of tensors.entries()) known.set(node.outputs[i]!, { tensor, node, sources, fromParameter });
  }
  return known;
}

/** What a node gives whose inputs are known; undefined for others. */
function computed(node: Node, values: readonly Value[], tensorOf: (name: string) => Tensor | undefined) {
  if (!canEvaluate(node)) return undefined;
  const inputs = node.inputs.map((name) => (name === '' ? undefined : tensorOf(name)));
  if (inputs.some((tensor, i) => tensor === undefined && node.inputs[i] !== '')) return undefined;
  const types = values.map((value) => value.type);
  return evaluate(node, inputs, types);
}

/** Small integers that are known from types alone: what Shape gives, and what is computed from it. */
function sizesOf(value: Value): Tensor | undefined {
  const { elementType, shape } = value.type;
  const ints = value.builder.knownInts(value);
  const fits = isStatic(ints) && isStatic(shape) && sizeOf(shape) === ints.length && ints.every(Number.isSafeInteger);
  return fits ? tensorOfNumbers(elementType, shape, ints) : undefined;
}

/**
 * Which values become constants, and which nodes go: values are folded where something that stays uses them, together
 * with all others that their node gives.
 */
export function planFolds(graph: Graph, known: ReadonlyMap<string, KnownValue>, policy: FoldPolicy) {
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

/** Names of the known values that may be folded: free ones, and sets of those that share sources, if that is fair. */
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
    const values = names.map((name) => known.get(name)!);
    const staying = [...sources].filter((source) => base.has(source));
    const going = [...sources].filter((source) => !base.has(source));
    if (policy.isFair(values, going, staying)) found.push(...names);
  }
  return new Set(found);
}
