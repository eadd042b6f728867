import { constantTensor } from '../graph/attributes.ts';
import { inputsFor, isRecurrent, moves, traits } from '../graph/operators.ts';
import { allNodes, mapBodies, removeDeadNodes } from '../graph/rewrite.ts';
import type { Graph, Model, Node, Tensor } from '../graph/types.ts';

/**
 * Leaves out initial states of recurrent operators that are zero whatever the input is, as they are without. Exporters
 * spell them out with sizes of their own, which would have to follow the units.
 */
export function dropZeroStates(model: Model): Model {
  const graph = withoutZeroStates(model.graph, () => false);
  return graph === model.graph ? model : { ...model, graph: removeDeadNodes(graph) };
}

/** `isZeroOutside` knows the values of the graphs around this one. */
function withoutZeroStates(graph: Graph, isZeroOutside: (name: string) => boolean): Graph {
  if (!allNodes(graph).some(isRecurrent)) return graph;
  const isZero = zeroTest(graph, isZeroOutside);
  let dropped = false;
  const nodes = graph.nodes.map((node) => {
    if (!isRecurrent(node)) {
      return mapBodies(node, (body) => {
        const changed = withoutZeroStates(body, isZero);
        dropped ||= changed !== body;
        return changed;
      });
    }
    const states = inputsFor(node, 'state');
    const inputs = node.inputs.map((name, i) => (states.includes(i) && isZero(name) ? '' : name));
    if (inputs.every((name, i) => name === node.inputs[i])) return node;
    dropped = true;
    return { ...node, inputs: inputs.slice(0, inputs.findLastIndex((name) => name !== '') + 1) };
  });
  return dropped ? { ...graph, nodes } : graph;
}

/** Asks whether a value of the graph, or of those around it, is known to be all zeros, whatever a caller feeds. */
export function zeroTest(graph: Graph, isZeroOutside = (_: string) => false): (name: string) => boolean {
  const given = new Set(graph.listedInitializers?.map((listed) => listed.info.name));
  const zeros = new Set<string>();
  const isZero = (name: string) => zeros.has(name) || isZeroOutside(name);
  for (const [name, tensor] of graph.initializers) if (!given.has(name) && allZero(tensor)) zeros.add(name);
  for (const node of graph.nodes) {
    if (node.domain !== '' || !makesZeros(node, isZero)) continue;
    // What else than zeros an operator gives, the mask of a Dropout, is no zero.
    for (const name of moves(node) ? node.outputs : node.outputs.slice(0, 1)) zeros.add(name);
  }
  return isZero;
}

function makesZeros(node: Node, isZero: (name: string) => boolean): boolean {
  const constant = constantTensor(node);
  if (constant) return allZero(constant);
  if (node.op === 'ConstantOfShape') {
    const { value } = node.attributes;
    return value === undefined || (value.type === 'tensor' && allZero(value.value));
  }
  if (node.op === 'Concat') return node.inputs.every(isZero);
  return (moves(node) !== undefined || traits(node).keepsZero === true) && isZero(node.inputs[0] ?? '');
}

/** True for a tensor that holds nothing but zeros. */
export function allZero({ data }: Tensor): boolean {
  for (const value of data) if (Number(value) !== 0) return false;
  return true;
}
