import { constantTensor } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic, sizeOf } from '../graph/dims.ts';
import { canEvaluate, evaluate } from '../graph/evaluate/evaluate.ts';
import { tensorOfNumbers } from '../graph/numbers.ts';
import { bodiesOf } from '../graph/rewrite.ts';
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

/** Which values of a graph are looked for. */
export interface Search {
  /** True for a node whose values matter. */
  isWanted(node: Node): boolean;
  /** True for a stored tensor that counts as a source. */
  isSource(tensor: Tensor, name: string): boolean;
  /** True where these values of a node would be left as they are in any case. */
  isHopeless(values: readonly Value[], sources: ReadonlySet<string>): boolean;
}

/**
 * The values of a graph that are known before the run, by name: what is computed from stored tensors, and sizes that
 * follow from types. `b` builds the graph, and gets its nodes on the way.
 */
export function knownValues(graph: Graph, b: GraphBuilder, search: Search): Map<string, KnownValue> {
  const known = new Map<string, KnownValue>();
  const tensorOf = (name: string) => known.get(name)?.tensor ?? b.tensorOf(b.value(name));
  const sourcesOf = (name: string): Iterable<string> => {
    const tensor = tensorOf(name);
    return known.get(name)?.sources ?? (tensor && search.isSource(tensor, name) ? [name] : []);
  };
  for (const node of graph.nodes) {
    b.addNode(node);
    const mayFold = constantTensor(node) === undefined && bodiesOf(node).length === 0 && !node.outputs.includes('');
    if (!mayFold || !search.isWanted(node)) continue;
    const inputs = node.inputs.filter((name) => name !== '');
    const sources = new Set(inputs.flatMap((name) => [...sourcesOf(name)]));
    const values = node.outputs.map((name) => b.value(name));
    if (search.isHopeless(values, sources)) continue;
    const tensors = computed(node, values, tensorOf) ?? values.map(sizesOf);
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
  return evaluate(
    node,
    inputs,
    values.map((value) => value.type),
  );
}

/** Small integers that are known from types alone: what Shape gives, and what is computed from it. */
function sizesOf(value: Value): Tensor | undefined {
  const { elementType, shape } = value.type;
  const ints = value.builder.knownInts(value);
  const fits = isStatic(ints) && isStatic(shape) && sizeOf(shape) === ints.length && ints.every(Number.isSafeInteger);
  return fits ? tensorOfNumbers(elementType, shape, Float64Array.from(ints)) : undefined;
}
