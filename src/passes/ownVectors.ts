import { tensorText } from '../graph/attributes.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { inputsFor, isBroadcasting } from '../graph/operators.ts';
import { bodiesOf, capturedNames, producers, renameInputs } from '../graph/rewrite.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import { storedRoots } from './storedRoots.ts';

/*
 * Optimizers of files store equal vectors once: zero biases of layers that have nothing else in common, the same initial
 * state. Layers that share no matrix are strangers, and may lose different units: each family has its own copy.
 */

/** What copies have behind the name of the vector, before their number. */
const MARK = '%';

/** How far to look for the matrix whose product a vector is added to. */
const FARTHEST = 8;

/** Copies every stored vector that strangers share: `name%1`, `name%2`, …; the first family keeps the name. */
export function ownVectors(graph: Graph): Graph {
  const shared = sharedVectors(graph);
  if (shared.size === 0) return graph;
  const made = producers(graph.nodes);
  const initializers = new Map(graph.initializers);
  const renamed = new Map<Node, Map<string, string>>();
  for (const [name, users] of shared) {
    const [, ...others] = familiesOf(users, graph, made);
    let count = 0;
    for (const family of others) {
      do count++;
      while (initializers.has(`${name}${MARK}${count}`));
      initializers.set(`${name}${MARK}${count}`, graph.initializers.get(name)!);
      for (const node of family)
        renamed.set(node, (renamed.get(node) ?? new Map()).set(name, `${name}${MARK}${count}`));
    }
  }
  if (renamed.size === 0) return graph;
  const nodes = graph.nodes.map((node) => renameInputs(node, renamed.get(node) ?? new Map<string, string>()));
  return { ...graph, initializers, nodes };
}

/** Makes vectors one again that `ownVectors` copied and that are still the same. */
export function mergeVectors(graph: Graph): Graph {
  const names = new Map<string, string>();
  const first = new Map<string, string>();
  for (const [name, tensor] of graph.initializers) {
    const original = name.replace(new RegExp(`${MARK}\\d+$`), '');
    if (original === name && !hasCopy(name, graph)) continue;
    const key = `${original} ${tensorText(tensor)}`;
    const known = first.get(key);
    if (known === undefined) first.set(key, name);
    else names.set(name, known);
  }
  if (names.size === 0) return graph;
  const initializers = new Map([...graph.initializers].filter(([name]) => !names.has(name)));
  return { ...graph, initializers, nodes: graph.nodes.map((node) => renameInputs(node, names)) };
}

function hasCopy(name: string, { initializers }: Graph): boolean {
  return initializers.has(`${name}${MARK}1`);
}

/** Vectors that several nodes use and nothing else does, with these nodes. */
function sharedVectors(graph: Graph): Map<string, Node[]> {
  const listed = new Set(graph.listedInitializers?.map(({ info }) => info.name));
  const outside = new Set([
    ...graph.outputs.map((o) => o.name),
    ...graph.nodes.flatMap(bodiesOf).flatMap((body) => [...capturedNames(body)]),
  ]);
  const users = new Map<string, Node[]>();
  for (const [name, tensor] of graph.initializers) {
    if (isVector(tensor) && !listed.has(name) && !outside.has(name)) users.set(name, []);
  }
  for (const node of graph.nodes) {
    const asVector = new Set(inputsFor(node, 'vector', 'state'));
    for (const [i, name] of node.inputs.entries()) {
      const known = users.get(name);
      if (known === undefined) continue;
      if (asVector.has(i) || isBroadcasting(node)) known.push(node);
      else users.delete(name);
    }
  }
  return new Map([...users].filter(([, nodes]) => new Set(nodes).size > 1));
}

function isVector({ elementType, dims }: Tensor): boolean {
  return isFloat(elementType) && dims.filter((size) => size > 1).length === 1;
}

/** Users in families: those that have a matrix in common, directly or by way of others; all that have none are one. */
function familiesOf(users: readonly Node[], graph: Graph, made: ReadonlyMap<string, Node>): Node[][] {
  let families: { nodes: Node[]; matrices: Set<string> }[] = [];
  for (const node of users) {
    const matrices = new Set(matricesOf(node, graph, made, 0));
    if (matrices.size === 0) matrices.add('');
    const related = families.filter((family) => [...matrices].some((name) => family.matrices.has(name)));
    const joined = {
      nodes: [...related.flatMap((family) => family.nodes), node],
      matrices: new Set([...matrices, ...related.flatMap((family) => [...family.matrices])]),
    };
    families = [...families.filter((family) => !related.includes(family)), joined];
  }
  // Everyone finds the family of the first user first.
  const first = (nodes: readonly Node[]) => Math.min(...nodes.map((node) => users.indexOf(node)));
  return families.map(({ nodes }) => nodes).sort((a, b) => first(a) - first(b));
}

/** Names of the stored matrices that a node multiplies with, else of those that made what it takes. */
function matricesOf(node: Node, graph: Graph, made: ReadonlyMap<string, Node>, depth: number): string[] {
  const own = inputsFor(node, 'matrix').flatMap((i) => storedRoots(node.inputs[i]!, (name) => made.get(name)));
  const stored = own.filter((name) => graph.initializers.has(name) || made.get(name)?.op === 'Constant');
  if (stored.length > 0 || depth > FARTHEST) return stored;
  return node.inputs.flatMap((name) => {
    const maker = made.get(name);
    return maker ? matricesOf(maker, graph, made, depth + 1) : [];
  });
}
