import { sha256Hex } from '../base/digest.ts';
import { constantTensor } from '../graph/attributes.ts';
import { sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { inputsFor } from '../graph/operators.ts';
import { bodiesOf, mapBodies, producers, renameCaptured } from '../graph/rewrite.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import { storedRoots } from './storedRoots.ts';

/** The body of an `If` in which something stands. */
interface Branch {
  readonly node: Node;
  readonly body: Graph;
}

/** A matrix that was found, and in which branch it stands; undefined for none. */
interface Lifted {
  readonly tensor: Tensor;
  readonly branch: Branch | undefined;
}

/**
 * The graph with matrices that it holds in `Constant` nodes, where an operator takes them for weights, as initializers
 * under the same names, out of bodies, too: what several nodes read is then one weight, cut once. The branches of one
 * `If` are alternatives: equal matrices in both become one. Values in bodies must have names of their own
 * (`uniqueNames`). A graph without such constants is returned as it is.
 */
export function liftMatrices(graph: Graph): Graph {
  const lifted = new Map<string, Lifted>();
  find(graph, undefined, lifted);
  if (lifted.size === 0) return graph;
  const names = twins(lifted);
  const rest = renameCaptured({ ...without(graph, lifted), initializers: new Map() }, names);
  const initializers = new Map(graph.initializers);
  for (const [name, { tensor }] of lifted) if (!names.has(name)) initializers.set(name, tensor);
  return { ...rest, initializers };
}

/** A graph, what makes its values, and the branch that it is a part of; `outer` is the one around it. */
interface Around {
  readonly graph: Graph;
  readonly made: ReadonlyMap<string, Node>;
  readonly branch: Branch | undefined;
  readonly outer: Around | undefined;
}

/** Collects the matrices of a graph and of those inside. */
function find(graph: Graph, branch: Branch | undefined, lifted: Map<string, Lifted>, outer?: Around): void {
  const here: Around = { graph, made: producers(graph.nodes), branch, outer };
  for (const node of graph.nodes) {
    for (const input of inputsFor(node, 'matrix')) {
      const name = node.inputs[input]!;
      for (const root of storedRoots(name, (at) => ownerOf(at, here)?.made.get(at))) lift(root, here, lifted);
    }
    for (const body of bodiesOf(node)) find(body, node.op === 'If' ? { node, body } : branch, lifted, here);
  }
}

/** The innermost graph that defines a value. */
function ownerOf(name: string, from: Around): Around | undefined {
  for (let at: Around | undefined = from; at; at = at.outer) {
    if (at.made.has(name) || at.graph.initializers.has(name)) return at;
  }
  return undefined;
}

function lift(name: string, from: Around, lifted: Map<string, Lifted>): void {
  const owner = ownerOf(name, from);
  if (owner === undefined || owner.graph.outputs.some((o) => o.name === name)) return;
  const constant = owner.made.get(name);
  const own = owner.outer && owner.graph.initializers.get(name);
  const tensor = constant ? constantTensor(constant) : own;
  if (tensor && isMatrix(tensor)) lifted.set(name, { tensor, branch: owner.branch });
}

function isMatrix({ elementType, dims }: Tensor): boolean {
  return isFloat(elementType) && dims.length >= 2 && sizeOf(dims) > 1;
}

/** The graph and its bodies without the constants and the bodies' initializers that were lifted. */
function without(graph: Graph, lifted: ReadonlyMap<string, unknown>): Graph {
  const nodes = graph.nodes
    .filter((node) => node.op !== 'Constant' || !lifted.has(node.outputs[0]!))
    .map((node) =>
      mapBodies(node, (body) => {
        const inside = without(body, lifted);
        return { ...inside, initializers: new Map([...inside.initializers].filter(([name]) => !lifted.has(name))) };
      }),
    );
  return { ...graph, nodes };
}

/** For matrices that one branch has as the other one has them: the name that stands for both. */
function twins(lifted: ReadonlyMap<string, Lifted>): Map<string, string> {
  const single = new Map<string, [name: string, branch: Branch][]>();
  const names = new Map<string, string>();
  for (const [name, { tensor, branch }] of lifted) {
    if (branch === undefined) continue;
    const key = contentOf(tensor);
    const alike = single.get(key) ?? [];
    single.set(key, alike);
    const at = alike.findIndex(([, other]) => other.node === branch.node && other.body !== branch.body);
    if (at < 0) alike.push([name, branch]);
    else names.set(name, alike.splice(at, 1)[0]![0]);
  }
  return names;
}

function contentOf({ elementType, dims, data }: Tensor): string {
  const bytes = Array.isArray(data) ? data.join() : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return `${elementType} ${dims} ${sha256Hex(bytes)}`;
}
