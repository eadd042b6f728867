import { attributesText, constantTensor } from '../graph/attributes.ts';
import { sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { moves } from '../graph/operators.ts';
import { mapBodies, renameInputs } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/*
 * Constants are values, not shared parameters: layers that use the same zeros, or initial states cut from one filled
 * tensor, may lose different units. So each user gets its own: the first keeps the name, others add a mark and a number.
 */

/**
 * Copies every float `Constant` of several entries that more than one node uses, while identities are followed and
 * weights are sliced: `name#1`, `name#2`, …; bodies of loops included.
 */
export function constantPerUse(graph: Graph): Graph {
  return copyPerUse(graph, findConstants, '#');
}

/** Makes constants one again that `constantPerUse` copied and that are still the same. */
export function mergeConstants(graph: Graph): Graph {
  return mergeCopies(graph, '#');
}

/** Gives each user of a filled tensor (ConstantOfShape, an expanded number) its own, with all that moves it. */
export function fillsPerUse(graph: Graph): Graph {
  return copyPerUse(graph, findFills, '~');
}

/** Makes nodes one again that `fillsPerUse` copied and that still do the same. */
export function mergeFills(graph: Graph): Graph {
  return mergeCopies(graph, '~');
}

/** Copies of sources, by the node that was copied: its new names by the old ones. */
type Copies = Map<Node, ReadonlyMap<string, string>>;

/** For one user: makes a copy of the source that gives a value, unless the user has one, and tells its name there. */
type CopyFor = (copies: Copies, name: string) => string | undefined;

/** Gives every user its own of the nodes that `find` names by their outputs; `outer` does so around this graph. */
function copyPerUse(
  graph: Graph,
  find: (graph: Graph) => ReadonlyMap<string, Node>,
  mark: string,
  outer: CopyFor = () => undefined,
): Graph {
  const sources = find(graph);
  const isSource = new Set(sources.values());
  // A copy that an earlier round made and a cut kept apart has such a name, too.
  const taken = new Set(graph.nodes.flatMap((node) => node.outputs));
  const uses = new Map<Node, number>();
  const nodes: Node[] = [];
  /** Writes a source and what it is made of once more; returns the new names of its outputs by the old ones. */
  const copy = (node: Node, copies: Copies): ReadonlyMap<string, string> => {
    const known = copies.get(node);
    if (known) return known;
    const source = sources.get(node.inputs[0] ?? '');
    const inner = source ? copy(source, copies) : new Map<string, string>();
    let count = uses.get(node) ?? 0;
    const rename = (name: string) => (name === '' || count === 0 ? name : `${name}${mark}${count}`);
    while (count > 0 && node.outputs.some((name) => name !== '' && taken.has(rename(name)))) count++;
    uses.set(node, count + 1);
    const names = new Map(node.outputs.map((name) => [name, rename(name)]));
    copies.set(node, names);
    if (count > 0 || node.op !== 'Constant') {
      nodes.push({ ...renameInputs(node, inner), name: rename(node.name), outputs: node.outputs.map(rename) });
    }
    return names;
  };
  const own: CopyFor = (copies, name) => {
    const source = sources.get(name);
    return source ? copy(source, copies).get(name) : outer(copies, name);
  };
  for (const node of graph.nodes) {
    // A constant stays where it is; what is made of others comes before its first user.
    if (isSource.has(node) && node.op !== 'Constant') continue;
    const copies: Copies = new Map();
    // What bodies use they get for each of their nodes.
    const inside = mapBodies(node, (body) => copyPerUse(body, find, mark, own));
    const renamed = (name: string) => (name === '' ? '' : (own(copies, name) ?? name));
    nodes.push({ ...inside, inputs: node.inputs.map(renamed) });
  }
  // What a body gives as it finds it outside.
  const outputs = graph.outputs.map((o) => ({ ...o, name: outer(new Map(), o.name) ?? o.name }));
  return { ...graph, nodes, outputs };
}

function findConstants(graph: Graph): Map<string, Node> {
  const shared = graph.nodes.filter((node) => {
    const tensor = constantTensor(node);
    return tensor && isFloat(tensor.elementType) && tensor.data.length > 1;
  });
  return new Map(shared.map((node) => [node.outputs[0]!, node]));
}

/** The nodes that make filled tensors, by the names of their outputs. */
function findFills(graph: Graph): Map<string, Node> {
  const numbers = new Set<string>();
  for (const [name, tensor] of graph.initializers) {
    if (isFloat(tensor.elementType) && sizeOf(tensor.dims) === 1) numbers.add(name);
  }
  const given = new Set(graph.outputs.map((o) => o.name));
  const fills = new Map<string, Node>();
  for (const node of graph.nodes) {
    const constant = constantTensor(node);
    if (constant && isFloat(constant.elementType) && sizeOf(constant.dims) === 1) numbers.add(node.outputs[0]!);
    const isCopy = moves(node) === 'copies' && numbers.has(node.inputs[0]!);
    const isMoved = moves(node) && fills.has(node.inputs[0]!);
    const { value } = node.attributes;
    const isFilled = node.op === 'ConstantOfShape' && (value?.type !== 'tensor' || isFloat(value.value.elementType));
    if (node.domain !== '' || !(isCopy || isMoved || isFilled) || node.outputs.some((name) => given.has(name)))
      continue;
    for (const name of node.outputs) fills.set(name, node);
  }
  return fills;
}

/** Makes nodes one again that have this mark in their names and do the same. */
function mergeCopies(graph: Graph, mark: string): Graph {
  const original = (name: string) => name.replace(new RegExp(`${mark}\\d+$`), '');
  const isCopy = (name: string) => original(name) !== name;
  const copied = new Set(graph.nodes.flatMap(({ outputs }) => outputs.filter(isCopy).map(original)));
  const renamed = new Map<string, string>();
  const first = new Map<string, Node>();
  const nodes = graph.nodes.flatMap((given): Node[] => {
    const node = mapBodies(renameInputs(given, renamed), (body) => mergeCopies(body, mark));
    const originals = node.outputs.map(original);
    if (!originals.some((name) => copied.has(name))) return [node];
    const key = JSON.stringify([node.inputs, originals, attributesText(node)]);
    const found = first.get(key);
    if (found === undefined || !node.outputs.some(isCopy)) {
      first.set(key, node);
      return [node];
    }
    for (const [i, name] of node.outputs.entries()) renamed.set(name, found.outputs[i]!);
    return [];
  });
  return { ...graph, nodes };
}
