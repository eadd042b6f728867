import { floatAttribute, intAttribute } from '../graph/attributes.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { removeDeadNodes, rewriteAll } from '../graph/rewrite.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import type { Range, Ranges } from './ranges.ts';
import { type StaticProduct, staticProducts } from './staticProducts.ts';
import { type StoredWeight, WholeWeights, zerosFor } from './wholeWeights.ts';

/** What activations become: uint8 on any range, or int8 on one that is symmetric around zero, as some accelerators want it. */
export const activationTypes = ['uint8', 'int8'] as const;

/** The name of such a type. */
export type ActivationType = (typeof activationTypes)[number];

/** How products are rounded. */
export interface StaticOptions {
  /** Operator set of the graph, at least 13: older ones have no scales of channels. */
  readonly opset: number | undefined;
  /** The largest whole number that a weight becomes. */
  readonly largest: number;
  /** What activations range over, by name. */
  readonly ranges: Ranges;
  readonly activations: ActivationType;
  /** Hears the name of each weight that is multiplied so. */
  readonly onWeight: (name: string) => void;
}

/**
 * The graph with QuantizeLinear and DequantizeLinear around its products with stored weights, in loops, too: what goes
 * in and comes out on one scale each, the weight as int8 with a scale for each output, a bias as int32 on the product of
 * the scales. Engines take each group for one product of whole numbers. A product stays whose ranges are not known, or
 * whose weight is small or no matrix.
 */
export function staticLayers(graph: Graph, options: StaticOptions): Graph {
  const products = new Map(staticProducts(graph).map((product) => [product.node.outputs[0]!, product]));
  const limits = new Map([...products.values()].map((product) => [product.result, product]));
  const isWanted = ({ outputs: [output = ''] }: Node) => products.has(output) || limits.has(output);
  const weights = new WholeWeights(options.largest);
  const writing: Writing = { options, weights, rounded: new Set(), copies: new Map() };
  const visit = (b: GraphBuilder, node: Node): boolean => {
    const [name] = node.outputs as [string];
    const product = products.get(name);
    if (product !== undefined) return writeProduct(b, node, product, writing);
    if (!writing.rounded.has(name)) return false;
    writeRounded(b, node, gridFor(name, options)!, options);
    return true;
  };
  const rewritten = rewriteAll(graph, isWanted, visit, { opset: options.opset });
  return rewritten === graph ? graph : removeDeadNodes(rewritten);
}

/** Whole numbers for a range: x ≈ (q − zero) · scale. */
interface Grid {
  readonly scale: number;
  readonly zero: number;
}

/** The grid of a range, which always has zero in it; undefined for one that is not finite. */
export function gridOf({ min, max }: Range, type: ActivationType): Grid | undefined {
  if (!Number.isFinite(min) || !Number.isFinite(max)) return undefined;
  if (type === 'int8') return { scale: Math.fround(Math.max(-min, max, 0) / 127) || 1, zero: 0 };
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const scale = Math.fround((high - low) / 255) || 1;
  return { scale, zero: Math.round((0 - low) / scale) };
}

/** What is known while the products are written. */
interface Writing {
  readonly options: StaticOptions;
  readonly weights: WholeWeights;
  /** Values that are rounded where they are made. */
  readonly rounded: Set<string>;
  /** Rounded copies of other values, by the graph that reads them. */
  readonly copies: Map<GraphBuilder, Map<string, Value>>;
}

/** Writes a product with what stands around it; false where it stays. */
function writeProduct(b: GraphBuilder, node: Node, { data, result }: StaticProduct, writing: Writing): boolean {
  const [input, output] = [data, result].map((name) => gridFor(name, writing.options));
  const weight = input && output && weightOf(b, node, writing.weights);
  if (weight === undefined) return false;
  const { transB: _, ...attributes } = node.attributes;
  const product = {
    ...node,
    inputs: [
      roundedCopy(b, data, input!, writing).name,
      dequantized(b, weight.values, weight.scales, zerosFor(b, weight), node.op === 'Conv' ? 0 : 1).name,
      ...(node.inputs[2] ? [roundedBias(b, node, input!, weight)] : []),
    ],
    attributes,
  };
  writing.options.onWeight(weight.source);
  writing.rounded.add(result);
  if (result === node.outputs[0]) writeRounded(b, product, output!, writing.options);
  else b.addNode(product);
  return true;
}

function gridFor(name: string, { ranges, activations }: StaticOptions): Grid | undefined {
  const range = ranges.get(name);
  return range && gridOf(range, activations);
}

/** The weight of a product [K, N], or of a convolution [M, C, ..], as whole numbers. */
function weightOf(b: GraphBuilder, node: Node, weights: WholeWeights): StoredWeight | undefined {
  const name = node.inputs[1]!;
  if (node.op === 'Conv') return weights.storeFilters(b, name);
  return weights.store(b, name, 2, intAttribute(node, 'transB', 0) === 1);
}

/** A node whose first output is rounded: under its name is what comes out of the whole numbers. */
function writeRounded(b: GraphBuilder, node: Node, grid: Grid, options: StaticOptions): void {
  const [name] = node.outputs as [string];
  const raw = b.unique(`${name}.raw`);
  b.addNode({ ...node, outputs: [raw] });
  throughGrid(b, b.value(raw), grid, name, options);
}

/** A value as it is after rounding, for products to read; one that is rounded already is taken as it is. */
function roundedCopy(b: GraphBuilder, name: string, grid: Grid, { options, rounded, copies }: Writing): Value {
  if (rounded.has(name)) return b.value(name);
  const own = copies.get(b) ?? new Map<string, Value>();
  copies.set(b, own);
  const copy = own.get(name) ?? throughGrid(b, b.value(name), grid, b.unique(`${name}.rounded`), options);
  own.set(name, copy);
  return copy;
}

/** x → q → (q − zero) · scale, under a name. */
function throughGrid(b: GraphBuilder, x: Value, grid: Grid, name: string, { activations }: StaticOptions): Value {
  const scale = b.float(grid.scale);
  const zeros = activations === 'uint8' ? Uint8Array.of(grid.zero) : Int8Array.of(grid.zero);
  const zero = b.constant({ elementType: activations, dims: [], data: zeros });
  const [whole] = b.node('QuantizeLinear', [x, scale, zero], {}, [b.unique(`${name}.${activations}`)]);
  return b.node('DequantizeLinear', [whole, scale, zero], {}, [name])[0]!;
}

function dequantized(b: GraphBuilder, values: Value, scales: Value, zeros: Value, axis: number): Value {
  const name = b.unique(values.name.replace(/\.\w+$/, '.real'));
  return b.node('DequantizeLinear', [values, scales, zeros], { axis }, [name])[0]!;
}

/** No int32 of a bias is larger: the sum of products that it is added to must fit, too. */
const LARGEST_BIAS = 2 ** 30;

/**
 * The name of the bias of a product, a stored vector as int32 on the scales in which the sums of products are: those of
 * the outputs times that of the input. One that does not fit, or is no such vector, stays.
 */
function roundedBias(b: GraphBuilder, node: Node, { scale }: Grid, { scales }: StoredWeight): string {
  const name = node.inputs[2]!;
  const tensor = b.tensorOf(b.value(name));
  const own = b.tensorOf(scales)!;
  const isPlain = floatAttribute(node, 'alpha', 1) === 1 && floatAttribute(node, 'beta', 1) === 1;
  if (!isPlain || tensor?.elementType !== 'float32' || tensor.dims.join() !== own.dims.join()) return name;
  const units = Float32Array.from(own.data as Float32Array, (each) => each * scale);
  const whole = Array.from(tensor.data as Float32Array, (x, i) => Math.round(x / units[i]!));
  if (!whole.every((x) => Math.abs(x) <= LARGEST_BIAS)) return name;
  const { dims } = own;
  const store = (end: string, part: Tensor) => b.storedLike(b.value(name), b.unique(`${name}.${end}`), part);
  const values = store('int32', { elementType: 'int32', dims, data: Int32Array.from(whole) });
  const unit = store('scale', { elementType: 'float32', dims, data: units });
  const zero = store('zero', { elementType: 'int32', dims, data: new Int32Array(whole.length) });
  return dequantized(b, values, unit, zero, 0).name;
}
