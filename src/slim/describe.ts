import { SlimError } from '../errors.ts';
import { constantTensor, graphAttribute, intAttribute } from '../graph/attributes.ts';
import { sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { usedNames } from '../graph/rewrite.ts';
import { statesOf } from '../graph/states.ts';
import type { Graph, Model, Node, ValueInfo } from '../graph/types.ts';
import { isRecurrent } from '../recurrent/lower.ts';
import { constantPerUse, storedTensors } from '../sparsity/constants.ts';
import type { Groups } from '../sparsity/groups.ts';
import { groupSizes, liveComponents, removableByLayer, weightsOf } from '../sparsity/measure.ts';
import { directionNames, traceGroups } from '../sparsity/trace.ts';

/** A recurrent layer (one direction of it) as `inspect` shows it. */
export interface LayerSummary {
  readonly name: string;
  readonly operator: string;
  readonly units: number;
  /** Units that can leave without loss; undefined when the model cannot be traced. */
  readonly removable: number | undefined;
  readonly inputSize: number | undefined;
  /**
   * Weights per unit: the largest group of the layer; undefined when the model cannot be traced, 0 when no unit can
   * leave.
   */
  readonly groupSize: number | undefined;
}

/** An embedding table. */
export interface EmbeddingSummary {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
}

/** What a model is made of. */
export interface ModelSummary {
  readonly layers: readonly LayerSummary[];
  readonly embeddings: readonly EmbeddingSummary[];
  readonly parameters: number;
  /** Multiply-adds per time step of one example: each weight of a matrix product once. Lookups cost none. */
  readonly multiplyAdds: number;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** ONNX operator set. */
  readonly opset: number | undefined;
  /** Why the units could not be traced, when they could not. */
  readonly problem: string | undefined;
}

/** Layers, sizes and costs of a model; also for one whose units cannot be traced, which then has a `problem`. */
export function describeModel(model: Model): ModelSummary {
  const { graph } = model;
  const traced = tryTrace(model);
  return {
    layers: describeLayers(graph, traced.groups),
    embeddings: describeEmbeddings(graph),
    parameters: countParameters(graph),
    multiplyAdds: countMultiplyAdds(graph, new Map()),
    inputs: graph.inputs,
    outputs: graph.outputs,
    opset: model.opsets[''],
    problem: traced.problem,
  };
}

function tryTrace(model: Model): { groups?: Groups; problem?: string } {
  try {
    return { groups: traceGroups(model.graph, { states: statesOf(model) }) };
  } catch (error) {
    if (!(error instanceof SlimError)) throw error;
    return { problem: error.message };
  }
}

function describeLayers(graph: Graph, groups: Groups | undefined): LayerSummary[] {
  const shapes = new Map(storedTensors(graph));
  const sizes = groups && groupSizes(groups, graph);
  const counts = groups && removableByLayer(groups, liveComponents(groups, weightsOf(constantPerUse(graph))));
  let at = 0;
  return graph.nodes.filter(isRecurrent).flatMap((node) =>
    directionNames(node).map((name): LayerSummary => {
      const index = at++;
      const components = groups?.layers[index]?.components;
      return {
        name,
        operator: node.op,
        units: components?.length ?? intAttribute(node, 'hidden_size', 0),
        removable: counts?.[index]?.removable,
        inputSize: shapes.get(node.inputs[1]!)?.dims[2],
        groupSize: components?.reduce((most, k) => Math.max(most, k < 0 ? 0 : sizes![k]!), 0),
      };
    }),
  );
}

function describeEmbeddings(graph: Graph): EmbeddingSummary[] {
  const tables = new Map<string, EmbeddingSummary>();
  for (const node of graph.nodes) {
    const name = node.inputs[0] ?? '';
    const table = graph.initializers.get(name);
    if (node.op !== 'Gather' || table?.dims.length !== 2 || !isFloat(table.elementType)) continue;
    tables.set(name, { name, rows: table.dims[0]!, columns: table.dims[1]! });
  }
  return [...tables.values()];
}

/**
 * Elements of all float initializers. ONNX's recurrent operators take two bias vectors that are only ever added to each
 * other: where both are stored in one parameter [D, 2GH], the second half does not count.
 */
function countParameters(graph: Graph): number {
  const biases = new Set(graph.nodes.filter(isRecurrent).map((node) => node.inputs[3] ?? ''));
  let count = 0;
  for (const [name, tensor] of graph.initializers) {
    if (isFloat(tensor.elementType)) count += biases.has(name) ? sizeOf(tensor.dims) / 2 : sizeOf(tensor.dims);
  }
  for (const node of graph.nodes) {
    const body = graphAttribute(node, 'body');
    if (body) count += countParameters(body);
  }
  return count;
}

/** Which inputs of an operator are matrices that are multiplied with data. */
const matrixInputs: Readonly<Record<string, readonly number[]>> = {
  MatMul: [0, 1],
  Gemm: [0, 1],
  LSTM: [1, 2],
  GRU: [1, 2],
  RNN: [1, 2],
};

/**
 * `stored`: elements of the values that are computed from stored tensors only, by name, in the graphs around this one.
 */
function countMultiplyAdds(graph: Graph, outer: ReadonlyMap<string, number>): number {
  const stored = new Map(outer);
  for (const [name, tensor] of graph.initializers) stored.set(name, sizeOf(tensor.dims));
  let count = 0;
  for (const node of graph.nodes) {
    const body = graphAttribute(node, 'body');
    if (body) count += countMultiplyAdds(body, stored);
    const constant = constantTensor(node);
    if (constant) stored.set(node.outputs[0]!, sizeOf(constant.dims));
    else if (node.inputs.length > 0 && usedNames(node).every((name) => stored.has(name))) derive(node, stored);
    else for (const i of matrixInputs[node.op] ?? []) count += stored.get(node.inputs[i] ?? '') ?? 0;
  }
  return count;
}

/** Sizes of what a node makes of stored tensors: Split divides, Concat adds up, the others move or combine elements. */
function derive(node: Node, stored: Map<string, number>): void {
  const sizes = node.inputs.filter((name) => name !== '').map((name) => stored.get(name)!);
  const total = node.op === 'Concat' ? sizes.reduce((a, b) => a + b, 0) : sizes[0]!;
  for (const name of node.outputs) if (name !== '') stored.set(name, total / node.outputs.length);
}
