import { SlimError } from '../base/errors.ts';
import { elementTypeNumbers } from '../graph/elementTypes.ts';
import { floatToHalf, halfToFloat } from '../graph/half.ts';
import type { Attribute, Graph, Node, Tensor, TensorType, ValueInfo } from '../graph/types.ts';

/** True when something in the graph, its loops and branches included, is a float16. */
export function hasFloat16(graph: Graph): boolean {
  const isHalf = (v: ValueInfo) => v.type.elementType === 'float16';
  if (graph.inputs.some(isHalf) || graph.outputs.some(isHalf)) return true;
  for (const { elementType } of graph.initializers.values()) if (elementType === 'float16') return true;
  return hasFloat16Nodes(graph.nodes);
}

/** The same for nodes, as those of a function. */
export function hasFloat16Nodes(nodes: readonly Node[]): boolean {
  return nodes.some((node) =>
    Object.entries(node.attributes).some(
      ([key, a]) =>
        (a.type === 'tensor' && a.value.elementType === 'float16') ||
        (a.type === 'graph' && hasFloat16(a.value)) ||
        (a.type === 'graphs' && a.value.some(hasFloat16)) ||
        namesFloat16(key, a),
    ),
  );
}

/** The attribute that says which type comes out, of Cast, EyeLike and their like. */
function namesFloat16(key: string, a: Attribute): a is Attribute & { readonly type: 'int' } {
  return (key === 'to' || key === 'dtype') && a.type === 'int' && a.value === elementTypeNumbers.float16;
}

/** The graph as it is trained: float32 wherever it had float16. Throws a SlimError for bfloat16 weights. */
export function asFloat32Graph(graph: Graph): Graph {
  return hasFloat16(graph) ? widened(graph) : graph;
}

function widened(graph: Graph): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map(widenedInfo),
    outputs: graph.outputs.map(widenedInfo),
    initializers: new Map([...graph.initializers].map(([name, t]) => [name, asFloat32(t)])),
    nodes: graph.nodes.map(widenedNode),
  };
}

function widenedInfo(info: ValueInfo): ValueInfo {
  const type: TensorType = info.type.elementType === 'float16' ? { ...info.type, elementType: 'float32' } : info.type;
  return { ...info, type };
}

function widenedNode(node: Node): Node {
  const entries = Object.entries(node.attributes).map(([key, a]): [string, Attribute] => {
    if (a.type === 'tensor') return [key, { ...a, value: asFloat32(a.value) }];
    if (a.type === 'graph') return [key, { ...a, value: widened(a.value) }];
    return [key, namesFloat16(key, a) ? { ...a, value: elementTypeNumbers.float32 } : a];
  });
  return { ...node, attributes: Object.fromEntries(entries) };
}

/** A float16 tensor in float32; others as they are. */
export function asFloat32(tensor: Tensor): Tensor {
  if (tensor.elementType === 'bfloat16') {
    throw new SlimError('the model has bfloat16 tensors, which cannot be trained; convert it to float32 first');
  }
  if (tensor.elementType !== 'float16') return tensor;
  const bits = tensor.data as Uint16Array;
  return { ...tensor, elementType: 'float32', data: Float32Array.from(bits, halfToFloat) };
}

/** Float32 values in the element type of a model's tensor, float32 or float16. */
export function asStored(values: Float32Array, like: Tensor): Tensor {
  const data = like.elementType === 'float16' ? Uint16Array.from(values, floatToHalf) : values;
  return { ...like, data };
}
