import { attributesText, constantTensor } from '../graph/attributes.ts';
import { sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { moves } from '../graph/operators.ts';
import { mapBodies, renameInputs, usedNames } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/*
 * Exporters make one tensor of zeros and cut the initial states of several cells from it. Cells that are to lose
 * different units need states of their own.
 */

/**
 * The same graph in which each user of a filled tensor (ConstantOfShape, or a number that is expanded) has one of its
 * own, with all the operators that move it; graphs inside included. `mergeFills` leads back.
 */
export function fillsPerUse(graph: Graph): Graph {
  const fills = findFills(graph);
  if (fills.size === 0) return { ...graph, nodes: graph.nodes.map((node) => mapBodies(node, fillsPerUse)) };
  const uses = new Map<Node, number>();
  const nodes: Node[] = [];
  /** Writes a fill and what it is made of once more; returns the new names of its outputs by the old ones. */
  const copy = (node: Node, copies: Map<Node, ReadonlyMap<string, string>>): ReadonlyMap<string, string> => {
    const known = copies.get(node);
    if (known) return known;
    const source = fills.get(node.inputs[0] ?? '');
    const inner = source ? copy(source, copies) : new Map<string, string>();
    const count = uses.get(node) ?? 0;
    uses.set(node, count + 1);
    const rename = (name: string) => (name === '' || count === 0 ? name : `${name}~${count}`);
    const names = new Map(node.outputs.map((name) => [name, rename(name)]));
    copies.set(node, names);
    nodes.push({ ...renameInputs(node, inner), name: rename(node.name), outputs: node.outputs.map(rename) });
    return names;
  };
  const isFill = new Set(fills.values());
  for (const node of graph.nodes) {
    if (isFill.has(node)) continue;
    const copies = new Map<Node, ReadonlyMap<string, string>>();
    const renamed = new Map<string, string>();
    for (const name of usedNames(node)) {
      const fill = fills.get(name);
      if (fill) renamed.set(name, copy(fill, copies).get(name)!);
    }
    nodes.push(mapBodies(renameInputs(node, renamed), fillsPerUse));
  }
  return { ...graph, nodes };
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
    const isFilled = node.op === 'ConstantOfShape' && isFloatFill(node);
    if (node.domain !== '' || !(isCopy || isMoved || isFilled) || node.outputs.some((name) => given.has(name)))
      continue;
    for (const name of node.outputs) fills.set(name, node);
  }
  return fills;
}

function isFloatFill(node: Node): boolean {
  const value = node.attributes.value;
  return value?.type !== 'tensor' || isFloat(value.value.elementType);
}

/** Makes nodes one again that `fillsPerUse` copied and that still do the same. */
export function mergeFills(graph: Graph): Graph {
  const renamed = new Map<string, string>();
  const first = new Map<string, Node>();
  const nodes = graph.nodes.flatMap((given): Node[] => {
    const node = mapBodies(renameInputs(given, renamed), mergeFills);
    if (!moves(node) && node.op !== 'ConstantOfShape') return [node];
    const original = node.outputs.map((name) => name.replace(/~\d+$/, ''));
    const key = JSON.stringify([node.op, node.inputs, original, attributesText(node)]);
    const found = first.get(key);
    if (found === undefined || original.every((name, i) => name === node.outputs[i])) {
      first.set(key, node);
      return [node];
    }
    node.outputs.forEach((name, i) => {
      renamed.set(name, found.outputs[i]!);
    });
    return [];
  });
  const outputs = graph.outputs.map((o) => ({ ...o, name: renamed.get(o.name) ?? o.name }));
  return { ...graph, nodes, outputs };
}
