import type { Attribute, Graph, Node, Tensor } from './types.ts';

/** An attribute from a plain value: an integer, a string or a list of integers. Use `float` for reals. */
export function attribute(value: number | string | readonly number[] | Attribute): Attribute {
  if (typeof value === 'number') return { type: 'int', value };
  if (typeof value === 'string') return { type: 'string', value };
  if (isIntegers(value)) return { type: 'ints', value };
  return value;
}

/** Tells a list of integers from something else that may stand in its place. */
export function isIntegers<Other extends object>(value: readonly number[] | Other): value is readonly number[] {
  return Array.isArray(value);
}

/** A float attribute; ONNX tells 1.0 (float) from 1 (int). */
export function float(value: number): Attribute {
  return { type: 'float', value };
}

/** What attributes of each type hold. */
type AttributeValue = { readonly [A in Attribute as A['type']]: A['value'] };

/** The value of an attribute of that type; undefined where it is absent or of another. */
function read<Type extends Attribute['type']>(node: Node, name: string, type: Type) {
  const a = node.attributes[name];
  return a?.type === type ? (a.value as AttributeValue[Type]) : undefined;
}

/** Integer attribute or its default. */
export const intAttribute = (node: Node, name: string, fallback: number) => read(node, name, 'int') ?? fallback;

/** Float attribute (an integer counts as one) or its default. */
export const floatAttribute = (node: Node, name: string, fallback: number) =>
  read(node, name, 'float') ?? intAttribute(node, name, fallback);

/** String attribute or its default. */
export const stringAttribute = (node: Node, name: string, fallback: string) => read(node, name, 'string') ?? fallback;

/** List of integers, or undefined when absent. */
export const intsAttribute = (node: Node, name: string) => read(node, name, 'ints');

/** List of reals, or undefined when absent. */
export const floatsAttribute = (node: Node, name: string) => read(node, name, 'floats');

/** List of strings, or undefined when absent. */
export const stringsAttribute = (node: Node, name: string) => read(node, name, 'strings');

/** Subgraph attribute, or undefined when absent. */
export const graphAttribute = (node: Node, name: string) => read(node, name, 'graph');

/** All graphs in a node's attributes, those in lists of graphs included; the branch for true comes first. */
export function graphsOf({ attributes }: Node): Graph[] {
  const graphs: Graph[] = [];
  // Hardly a node has any, and every pass asks all of them.
  for (const name in attributes) {
    const a = attributes[name]!;
    if (a.type === 'graphs') graphs.push(...a.value);
    else if (a.type === 'graph' && name === 'then_branch') graphs.unshift(a.value);
    else if (a.type === 'graph') graphs.push(a.value);
  }
  return graphs;
}

/** A node with the graphs in its attributes changed. */
export function mapGraphs(node: Node, change: (body: Graph) => Graph): Node {
  if (graphsOf(node).length === 0) return node;
  const changed = Object.entries(node.attributes).map(([name, a]): [string, Attribute] => {
    if (a.type === 'graph') return [name, { ...a, value: change(a.value) }];
    return [name, a.type === 'graphs' ? { ...a, value: a.value.map(change) } : a];
  });
  return { ...node, attributes: Object.fromEntries(changed) };
}

/** The attributes of a node without graphs as text, equal for equal ones. */
export function attributesText({ attributes }: Node): string {
  const spelled = Object.keys(attributes)
    .sort()
    .map((name) => {
      const a = attributes[name]!;
      return [name, a.type, a.type === 'tensor' ? tensorText(a.value) : a.value];
    });
  // JSON has no limits of int64, which are ±Infinity.
  return JSON.stringify(spelled, (_, value) => (value === Infinity || value === -Infinity ? String(value) : value));
}

/** A tensor as text, equal for equal ones. */
export function tensorText({ elementType, dims, data }: Tensor): string {
  return `${elementType}[${dims}]${Array.from<unknown>(data).join()}`;
}

/** The tensor of a `Constant` node in any of its spellings; undefined for other nodes and for tensors that are sparse. */
export function constantTensor(node: Node): Tensor | undefined {
  if (node.op !== 'Constant' || node.domain !== '') return undefined;
  const { value, value_float, value_floats, value_int, value_ints, value_string, value_strings } = node.attributes;
  if (value?.type === 'tensor') return value.value;
  if (value_float?.type === 'float') return floats([], [value_float.value]);
  if (value_floats?.type === 'floats') return floats([value_floats.value.length], value_floats.value);
  if (value_int?.type === 'int') return int64s([], [value_int.value]);
  if (value_ints?.type === 'ints') return int64s([value_ints.value.length], value_ints.value);
  if (value_string?.type === 'string') return { elementType: 'string', dims: [], data: [value_string.value] };
  if (value_strings?.type === 'strings') {
    const data = [...value_strings.value];
    return { elementType: 'string', dims: [data.length], data };
  }
  return undefined;
}

/** A `Constant` node that defines the value `name`. */
export function constantNode(name: string, value: Tensor): Node {
  const attributes = { value: { type: 'tensor', value } } as const;
  return { op: 'Constant', domain: '', name, inputs: [], outputs: [name], attributes };
}

/** A node that gives a value a second name. */
export function identityNode(from: string, to: string): Node {
  return { op: 'Identity', domain: '', name: to, inputs: [from], outputs: [to], attributes: {} };
}

/** A float32 tensor from numbers in row-major order. */
export function floats(dims: readonly number[], values: ArrayLike<number>): Tensor {
  return { elementType: 'float32', dims, data: Float32Array.from(values) };
}

/** An int64 tensor from safe integers (±Infinity: the limits of int64). */
export function int64s(dims: readonly number[], values: readonly number[]): Tensor {
  const data = BigInt64Array.from(values, (v) => {
    if (v === Number.POSITIVE_INFINITY) return 2n ** 63n - 1n;
    if (v === Number.NEGATIVE_INFINITY) return -(2n ** 63n);
    return BigInt(v);
  });
  return { elementType: 'int64', dims, data };
}

/** The values of an integer tensor as numbers; undefined for other element types. */
export function integers(tensor: Tensor | undefined): number[] | undefined {
  if (tensor === undefined) return undefined;
  if (tensor.data instanceof BigInt64Array) {
    return Array.from(tensor.data, (v) => {
      if (v >= 2n ** 53n) return Number.POSITIVE_INFINITY;
      return v <= -(2n ** 53n) ? Number.NEGATIVE_INFINITY : Number(v);
    });
  }
  return tensor.data instanceof Int32Array ? Array.from(tensor.data) : undefined;
}
