import { intAttribute } from '../graph/attributes.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { sizeOf } from '../graph/dims.ts';
import { elementTypeNumbers } from '../graph/elementTypes.ts';
import { floatToHalf } from '../graph/half.ts';
import { inputsFor, isLookup, isRecurrent } from '../graph/operators.ts';
import { cast } from '../graph/ops.ts';
import { allNodes, finishRewrite, startRewrite } from '../graph/rewrite.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import { isLargeMatrix, SMALLEST } from './candidates.ts';
import { quantizeSymmetric } from './symmetric.ts';

/*
 * Weights stored in fewer bytes, and float32 again before anything reads them. Engines compute that once, when they load
 * the file: ONNX Runtime folds Cast and Mul of constants, but not DequantizeLinear.
 */

/** How a weight is stored now, and whom to tell. */
export interface StorageOptions {
  /** Operator set of the graph. */
  readonly opset: number | undefined;
  /** Hears the name of each weight that is stored otherwise. */
  readonly onWeight: (name: string) => void;
}

/** The graph with its float32 weights as float16, each with a Cast behind it; those that float16 cannot hold stay. */
export function storedHalf(graph: Graph, options: StorageOptions): Graph {
  return packed(graph, options, (b, name, tensor) => {
    const half = tensor.elementType === 'float32' && sizeOf(tensor.dims) >= SMALLEST ? asHalf(tensor) : undefined;
    if (half === undefined) return false;
    b.node('Cast', [b.parameter(b.unique(`${name}.float16`), half)], { to: elementTypeNumbers.float32 }, [name]);
    return true;
  });
}

/** The graph with its float32 matrices as int8, each with a Cast and a Mul by the scales of its channels behind it. */
export function storedInt8(graph: Graph, options: StorageOptions): Graph {
  const readers = matrixReaders(graph);
  return packed(graph, options, (b, name, tensor) => {
    const reader = readers.get(name);
    if (reader === undefined || !isLargeMatrix(tensor)) return false;
    const summed = tensor.dims.flatMap((_, axis) => (isSummed(reader, axis, tensor.dims.length) ? [axis] : []));
    const found = quantizeSymmetric(tensor, summed);
    if (found === undefined) return false;
    const values = b.parameter(b.unique(`${name}.int8`), found.values);
    const scales = b.parameter(b.unique(`${name}.scale`), found.scales);
    b.node('Mul', [cast(values, 'float32'), scales], {}, [name]);
    return true;
  });
}

/** Stores an initializer otherwise and computes it from that under its name; false leaves it as it is. */
type Pack = (b: GraphBuilder, name: string, tensor: Tensor) => boolean;

function packed(graph: Graph, { opset, onWeight }: StorageOptions, pack: Pack): Graph {
  const b = startRewrite({ ...graph, initializers: new Map() }, { opset });
  b.reserve(graph);
  let changed = false;
  for (const [name, tensor] of graph.initializers) {
    if (pack(b, name, tensor)) {
      changed = true;
      onWeight(name);
    } else b.parameter(name, tensor);
  }
  for (const node of graph.nodes) b.addNode(node);
  return changed ? finishRewrite(b, graph) : graph;
}

/** The bits of a tensor's float16; undefined where a number becomes infinite, or is so already. */
function asHalf({ dims, data }: Tensor): Tensor | undefined {
  const bits = Uint16Array.from(data as Float32Array, floatToHalf);
  const isHeld = bits.every((half) => (half & INFINITE) !== INFINITE);
  return isHeld ? { elementType: 'float16', dims, data: bits } : undefined;
}

/** The exponent of a float16 that is infinite or no number. */
const INFINITE = 0x7c00;

/** Where a weight is read as a matrix, or row by row. */
export interface Reader {
  readonly node: Node;
  readonly place: number;
}

/** The first reader of each matrix, bodies included. */
export function matrixReaders(graph: Graph): Map<string, Reader> {
  const readers = new Map<string, Reader>();
  for (const node of allNodes(graph)) {
    for (const place of isLookup(node) ? [0] : inputsFor(node, 'matrix')) {
      const name = node.inputs[place]!;
      if (!readers.has(name)) readers.set(name, { node, place });
    }
  }
  return readers;
}

/** Whether a product sums over an axis of a weight: along it all share a scale, the others count outputs. */
function isSummed({ node, place }: Reader, axis: number, rank: number): boolean {
  if (node.op === 'Conv') return axis !== 0;
  if (node.op === 'ConvTranspose') return axis !== 1;
  if (isLookup(node) || isRecurrent(node)) return axis === rank - 1;
  const isTurned = intAttribute(node, place === 0 ? 'transA' : 'transB', 0) === 1;
  return axis === ((place === 0) === isTurned ? rank - 2 : rank - 1);
}
