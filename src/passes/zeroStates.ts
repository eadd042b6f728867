import { constantTensor } from '../graph/attributes.ts';
import { sampleOf } from '../graph/lazyTensor.ts';
import { inputsFor, isRecurrent, moves, traits } from '../graph/operators.ts';
import { removeDeadNodes } from '../graph/rewrite.ts';
import type { Graph, Model, Node, Tensor } from '../graph/types.ts';

/**
 * Leaves out initial states of recurrent operators that are zero whatever the input is, as they are without. Exporters
 * spell them out with sizes of their own, which would have to follow the units.
 */
export function dropZeroStates(model: Model): Model {
  const { graph } = model;
  const isZero = zeroTest(graph);
  let dropped = false;
  const nodes = graph.nodes.map((node) => {
    if (!isRecurrent(node)) return node;
    const states = inputsFor(node, 'state');
    const inputs = node.inputs.map((name, i) => (states.includes(i) && isZero(name) ? '' : name));
    if (inputs.every((name, i) => name === node.inputs[i])) return node;
    dropped = true;
    return { ...node, inputs: inputs.slice(0, inputs.findLastIndex((name) => name !== '') + 1) };
  });
  return dropped ? { ...model, graph: removeDeadNodes({ ...graph, nodes }) } : model;
}

/** Asks whether a value of the graph is known to be all zeros, whatever a caller feeds. */
export function zeroTest(graph: Graph): (name: string) => boolean {
  const given = new Set(graph.listedInitializers?.map((listed) => listed.info.name));
  const zeros = new Set<string>();
  for (const [name, tensor] of graph.initializers) if (!given.has(name) && allZero(tensor)) zeros.add(name);
  for (const node of graph.nodes) {
    if (node.domain !== '' || !makesZeros(node, zeros)) continue;
    // What else than zeros an operator gives, the mask of a Dropout, is no zero.
    for (const name of moves(node) ? node.outputs : node.outputs.slice(0, 1)) zeros.add(name);
  }
  return (name) => zeros.has(name);
}

function makesZeros(node: Node, zeros: ReadonlySet<string>): boolean {
  const constant = constantTensor(node);
  if (constant) return allZero(constant);
  if (node.op === 'ConstantOfShape') {
    const { value } = node.attributes;
    return value === undefined || (value.type === 'tensor' && allZero(value.value));
  }
  if (node.op === 'Concat') return node.inputs.every((name) => zeros.has(name));
  return (moves(node) !== undefined || traits(node).keepsZero === true) && zeros.has(node.inputs[0] ?? '');
}

function allZero(tensor: Tensor): boolean {
  for (const value of sampleOf(tensor)) if (Number(value) !== 0) return false;
  return true;
}
