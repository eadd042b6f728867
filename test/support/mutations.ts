import { elementTypeNumbers } from '../../src/graph/elementTypes.ts';
import { emptyData } from '../../src/graph/tensors.ts';
import type { Attribute, Dim, ElementType, Graph, Model, Node, Tensor, ValueInfo } from '../../src/graph/types.ts';

/*
 * Models whose structure is changed at random, as a bad exporter or a bad script would: most are no longer sound.
 */

type Random = () => number;
type Mutation = (graph: Graph, random: Random) => Graph;

const below = (random: Random, limit: number) => Math.floor(random() * limit);
const pick = <T>(random: Random, list: readonly T[]): T | undefined => list[below(random, list.length)];

const elementTypes = Object.keys(elementTypeNumbers) as ElementType[];
const sizes: readonly Dim[] = [0, 1, 2, 3, 7, 'batch', 'time', 'other'];

/** Changes one node; none is left out or made. */
const ofNode =
  (change: (node: Node, graph: Graph, random: Random) => Node): Mutation =>
  (graph, random) => {
    const at = below(random, graph.nodes.length);
    return { ...graph, nodes: graph.nodes.map((node, i) => (i === at ? change(node, graph, random) : node)) };
  };

function valuesOf({ nodes, inputs, initializers }: Graph): string[] {
  return [...nodes.flatMap((n) => n.outputs), ...inputs.map((v) => v.name), ...initializers.keys(), ''];
}

const swapInputs = ofNode((node, _, random) => {
  const [i, j] = [below(random, node.inputs.length), below(random, node.inputs.length)];
  const inputs = [...node.inputs];
  if (inputs.length > 0) [inputs[i], inputs[j]] = [inputs[j]!, inputs[i]!];
  return { ...node, inputs };
});

const replaceInput = ofNode((node, graph, random) => {
  const at = below(random, node.inputs.length);
  return { ...node, inputs: node.inputs.map((name, i) => (i === at ? pick(random, valuesOf(graph))! : name)) };
});

const dropInput = ofNode((node) => ({ ...node, inputs: node.inputs.slice(0, -1) }));

const changeOperator = ofNode((node, graph, random) => ({ ...node, op: pick(random, graph.nodes)!.op }));

const changeAttribute = ofNode((node, graph, random) => {
  const name = pick(random, Object.keys(node.attributes));
  if (name === undefined) return { ...node, attributes: pick(random, graph.nodes)!.attributes };
  const { [name]: old, ...rest } = node.attributes;
  const changed = mutatedAttribute(old!, random);
  return { ...node, attributes: changed === undefined ? rest : { ...rest, [name]: changed } };
});

function mutatedAttribute(a: Attribute, random: Random): Attribute | undefined {
  const number = [0, 1, -1, 2, 3, 17, 2 ** 31 - 1][below(random, 7)]!;
  if (below(random, 4) === 0) return undefined;
  if (a.type === 'int') return { type: 'int', value: number };
  if (a.type === 'ints') return { type: 'ints', value: a.value.map((v) => (random() < 0.5 ? number : v)) };
  if (a.type === 'graph') return { type: 'graph', value: mutateGraph(a.value, random) };
  if (a.type === 'tensor') return { type: 'tensor', value: mutatedTensor(a.value, random) };
  return { type: 'string', value: ['forward', 'reverse', 'bidirectional', 'nonsense'][below(random, 4)]! };
}

function mutatedTensor(tensor: Tensor, random: Random): Tensor {
  if (Array.isArray(tensor.data)) return tensor;
  const [first = 1, ...rest] = tensor.dims;
  const dims = [
    () => [...tensor.dims].reverse(),
    () => [...tensor.dims, 1],
    () => [0, ...rest],
    () => [first + 1, ...rest],
  ][below(random, 4)]!();
  const data = emptyData(
    tensor.elementType,
    dims.reduce((a, b) => a * b, 1),
  );
  for (let i = 0; i < data.length; i++) data[i] = tensor.data[i % Math.max(1, tensor.data.length)] ?? data[i]!;
  return { ...tensor, dims, data };
}

const dropNode: Mutation = (graph, random) => {
  const at = below(random, graph.nodes.length);
  const dropped = graph.nodes[at];
  if (dropped === undefined) return graph;
  // What read its outputs reads its first input, half of the time.
  const instead = random() < 0.5 ? dropped.inputs[0] : undefined;
  const renamed = (name: string) => (instead !== undefined && dropped.outputs.includes(name) ? instead : name);
  const nodes = graph.nodes.filter((_, i) => i !== at).map((n) => ({ ...n, inputs: n.inputs.map(renamed) }));
  return { ...graph, nodes };
};

const repeatNode: Mutation = (graph, random) => {
  const at = below(random, graph.nodes.length);
  const node = graph.nodes[at];
  if (node === undefined) return graph;
  const copy = { ...node, name: `${node.name}.copy`, outputs: node.outputs.map((o) => o && `${o}.copy`) };
  return { ...graph, nodes: [...graph.nodes.slice(0, at + 1), copy, ...graph.nodes.slice(at + 1)] };
};

const shuffleNodes: Mutation = (graph, random) => {
  const [i, j] = [below(random, graph.nodes.length), below(random, graph.nodes.length)];
  const nodes = [...graph.nodes];
  if (nodes.length > 0) [nodes[i], nodes[j]] = [nodes[j]!, nodes[i]!];
  return { ...graph, nodes };
};

const ofInfo =
  (key: 'inputs' | 'outputs', change: (info: ValueInfo, random: Random) => ValueInfo): Mutation =>
  (graph, random) => {
    const at = below(random, graph[key].length);
    return { ...graph, [key]: graph[key].map((info, i) => (i === at ? change(info, random) : info)) };
  };

const changeSize = (info: ValueInfo, random: Random): ValueInfo => {
  const shape = info.type.shape ?? [];
  const at = below(random, shape.length);
  const changed = shape.map((d, i) => (i === at ? pick(random, sizes)! : d));
  return { ...info, type: { ...info.type, shape: random() < 0.1 ? undefined : changed } };
};

const changeRank = (info: ValueInfo, random: Random): ValueInfo => {
  const shape = info.type.shape ?? [];
  return { ...info, type: { ...info.type, shape: random() < 0.5 ? shape.slice(1) : [...shape, 2] } };
};

const changeType = (info: ValueInfo, random: Random): ValueInfo => {
  return { ...info, type: { ...info.type, elementType: pick(random, elementTypes)! } };
};

const changeInitializer: Mutation = (graph, random) => {
  const name = pick(random, [...graph.initializers.keys()]);
  if (name === undefined) return graph;
  const initializers = new Map(graph.initializers);
  if (random() < 0.2) initializers.delete(name);
  else initializers.set(name, mutatedTensor(initializers.get(name)!, random));
  return { ...graph, initializers };
};

const dropOutput: Mutation = (graph) => ({ ...graph, outputs: graph.outputs.slice(1) });

const mutations: readonly Mutation[] = [
  ...[swapInputs, replaceInput, dropInput, changeOperator, changeAttribute, changeAttribute, dropNode, repeatNode],
  ...[shuffleNodes, changeInitializer, changeInitializer, dropOutput],
  ...[ofInfo('inputs', changeSize), ofInfo('inputs', changeSize), ofInfo('inputs', changeRank)],
  ...[ofInfo('inputs', changeType), ofInfo('outputs', changeSize)],
];

function mutateGraph(graph: Graph, random: Random): Graph {
  return pick(random, mutations)!(graph, random);
}

/** A model after one to three changes of its structure, its operator set among them. */
export function mutate(model: Model, random: Random): Model {
  let { graph } = model;
  for (let left = 1 + below(random, 3); left > 0; left--) graph = mutateGraph(graph, random);
  const opset = random() < 0.1 ? [1, 7, 11, 13, 18, 21, 99][below(random, 7)]! : model.opsets['']!;
  return { ...model, graph, opsets: { ...model.opsets, '': opset } };
}
