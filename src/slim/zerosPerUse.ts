import { producers, usedNames } from '../graph/rewrite.ts';
import type { Model, Node } from '../graph/types.ts';
import { zeroTest } from './zeroStates.ts';

/**
 * The same model with zeros that are made at run time (the first states of cells that an exporter unrolled) made anew
 * for each use. Two layers that start from slices of one tensor of zeros would otherwise have to lose the same units.
 */
export function zerosPerUse(model: Model): Model {
  const { graph } = model;
  const isZero = zeroTest(graph);
  const makers = producers(graph.nodes);
  const names = new Set([
    ...graph.inputs.map((v) => v.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((node) => [node.name, ...node.outputs, ...usedNames(node)]),
  ]);
  const used = new Set(graph.outputs.map((o) => o.name));
  const copies = new Set<Node>();
  // From the last node to the first, so that a user is copied before what it uses.
  const pending = [...graph.nodes];
  const done: Node[] = [];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const sizesAt = copies.has(node) ? sizesInput[node.op] : undefined;
    const inputs = node.inputs.map((name, i) => {
      const maker = makers.get(name);
      const zeros = maker !== undefined && maker.op !== 'Constant' && maker.outputs.length === 1 && isZero(name);
      // Copied zeros take their sizes from a copy as well: these count the units of one user.
      const sizes = i === sizesAt && maker?.op === 'Concat';
      if (!used.has(name) || !(zeros || sizes)) return name;
      const made = freshName(name, names);
      const copy: Node = { ...maker!, name: made, outputs: [made] };
      copies.add(copy);
      pending.splice(pending.indexOf(maker!) + 1, 0, copy);
      return made;
    });
    for (const name of usedNames(node)) used.add(name);
    done.push({ ...node, inputs });
  }
  return copies.size === 0 ? model : { ...model, graph: { ...graph, nodes: done.reverse() } };
}

/** Where operators that make zeros take the sizes. */
const sizesInput: Readonly<Record<string, number>> = { ConstantOfShape: 0, Expand: 1 };

function freshName(name: string, names: Set<string>): string {
  for (let i = 1; ; i++) {
    const made = `${name}.zeros_${i}`;
    if (names.has(made)) continue;
    names.add(made);
    return made;
  }
}
