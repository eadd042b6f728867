import { differentiate } from '../autodiff/differentiate.ts';
import { SlimError } from '../base/errors.ts';
import { constantNode, constantTensor, floats, int64s } from '../graph/attributes.ts';
import { elementTypeNumbers } from '../graph/elementTypes.ts';
import { mapBodies, removeDeadNodes } from '../graph/rewrite.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import type { AxisComponents, Groups } from '../groups/groups.ts';
import { expandCrossEntropy } from '../passes/expandCrossEntropy.ts';
import { hoistLoops } from '../passes/hoistLoops.ts';

/*
 * Gates: a factor g_k for each component k, by which all stored weights that read it are multiplied. At g = 1 the graph
 * computes what it did, g_k = 0 zeroes the unit for all that reads it, and ∂L/∂g_k = Σ w · ∂L/∂w over those weights.
 */

/** Input of a gated graph that takes the gates: float32 [K]. */
export const GATES = 'slimrnn/gates';
/** The gates, and a 1 for what always stays: [K + 1]. */
const WITH_ONE = 'slimrnn/gates.with_one';
const ONE = 'slimrnn/gates.one';

/** Gates that change nothing. */
export function openGates({ count }: Groups): Tensor {
  return floats([count], new Float32Array(count).fill(1));
}

/**
 * A graph whose weights that read components have gates, those in loops and branches too; `groups` are those of this
 * graph, its constants one per use. Names of values stay. Throws a SlimError for such weights that are no reals.
 */
export function gatedReaders(graph: Graph, groups: Groups): Graph {
  const axes = new Map<string, AxisComponents[]>();
  for (const axis of groups.axes) {
    if (axis.role === 'reads') axes.set(axis.tensor, [...(axes.get(axis.tensor) ?? []), axis]);
  }
  const { listedInitializers: _, ...gated } = gateStored(graph, axes, groups.count);
  const input = { name: GATES, type: { elementType: 'float32', shape: [groups.count] } } as const;
  const withOne = node('Concat', [GATES, ONE], WITH_ONE, { axis: { type: 'int', value: 0 } });
  const nodes = [constantNode(ONE, floats([1], [1])), withOne, ...gated.nodes];
  return { ...gated, inputs: [...graph.inputs, input], nodes };
}

/**
 * A gated graph that computes ∂L/∂g [K] for a scalar output L, and its name; of the other outputs those named in `kept`
 * stay. Throws a SlimError where there is no derivative.
 */
export function gateGradients(
  graph: Graph,
  loss: string,
  kept: readonly string[] = [],
): { readonly graph: Graph; readonly gradient: string } {
  const outputs = graph.outputs.filter(({ name }) => name === loss || kept.includes(name));
  try {
    const made = differentiate(removeDeadNodes({ ...graph, outputs }), loss, [GATES]);
    const gradient = made.gradients.get(GATES)!;
    const wanted = made.graph.outputs.filter(({ name }) => name === gradient || kept.includes(name));
    const live = removeDeadNodes({ ...made.graph, outputs: wanted });
    return { graph: hoistLoops(expandCrossEntropy(live)), gradient };
  } catch (error) {
    if (!(error instanceof SlimError)) throw error;
    const why = `derivatives rank the units here, and the model has none (other rankings need none): ${error.message}`;
    throw new SlimError(why, { cause: error });
  }
}

/** Adds the square of each component's part of a factor times ∂L/∂g. */
export function addSquares(squares: Float64Array, gradient: Tensor, factor = 1): void {
  for (const [k, value] of (gradient.data as Float32Array).entries()) squares[k]! += (factor * value) ** 2;
}

/** The scores that so many squared gradients come to. Throws a SlimError for NaN and infinity. */
export function rootMeanSquares(squares: Float64Array, count: number): Float64Array {
  const scores = squares.map((sum) => Math.sqrt(sum / count));
  if (scores.every(Number.isFinite)) return scores;
  throw new SlimError(
    'the derivatives of the model are NaN or infinite on these inputs; give others, or rank by activity',
  );
}

type AxesByTensor = ReadonlyMap<string, readonly AxisComponents[]>;

/** Gives stored tensors another name; what has their own is the gated one. */
function gateStored(graph: Graph, axes: AxesByTensor, count: number): Graph {
  const initializers = new Map<string, Tensor>();
  const first: Node[] = [];
  for (const [name, tensor] of graph.initializers) {
    const own = axes.get(name);
    initializers.set(own ? ungated(name) : name, tensor);
    if (own) first.push(...gateNodes(name, tensor, own, count));
  }
  const nodes = graph.nodes.flatMap((each): Node[] => {
    const tensor = constantTensor(each);
    const [name = ''] = each.outputs;
    const own = tensor && axes.get(name);
    if (!own) return [mapBodies(each, (body) => gateStored(body, axes, count))];
    return [{ ...each, outputs: [ungated(name)] }, ...gateNodes(name, tensor, own, count)];
  });
  return { ...graph, initializers, nodes: [...first, ...nodes] };
}

const ungated = (name: string) => `${name}/ungated`;

/** w · g for each axis that reads, g in the place of the axis. */
function gateNodes(name: string, tensor: Tensor, axes: readonly AxisComponents[], count: number): Node[] {
  const { dims, elementType } = tensor;
  if (elementType !== 'float32' && elementType !== 'float64') {
    throw new SlimError(`derivatives cannot rank what '${name}' reads: it is ${elementType}, no float32 or float64`);
  }
  const to = { to: { type: 'int', value: elementTypeNumbers[elementType] } } as const;
  let from = ungated(name);
  return axes.flatMap(({ axis, components }, i) => {
    const own = (part: string) => `${name}/${part}.${i}`;
    const result = i === axes.length - 1 ? name : own('gated');
    const indices = Array.from(components, (k) => (k < 0 ? count : k));
    const shape = dims.slice(axis).map((size, inner) => (inner === 0 ? size : 1));
    const nodes = [
      constantNode(own('components'), int64s([indices.length], indices)),
      constantNode(own('shape'), int64s([shape.length], shape)),
      node('Gather', [WITH_ONE, own('components')], own('gates')),
      node('Reshape', [own('gates'), own('shape')], own('along')),
      node('Cast', [own('along')], own('factors'), to),
      node('Mul', [from, own('factors')], result),
    ];
    from = result;
    return nodes;
  });
}

function node(op: string, inputs: readonly string[], output: string, attributes: Node['attributes'] = {}): Node {
  return { op, domain: '', name: output, inputs, outputs: [output], attributes };
}
