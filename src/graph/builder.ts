import { SlimError } from '../base/errors.ts';
import { attribute, constantNode, constantTensor, floats, int64s, tensorText } from './attributes.ts';
import { Scope } from './infer/infer.ts';
import { OPSET } from './model.ts';
import { Names } from './names.ts';
import { isKnown } from './operators.ts';
import type { Attribute, Dim, ElementType, Graph, Node, Tensor, TensorType, ValueInfo } from './types.ts';

/** A value inside a graph under construction; the operators in `ops.ts` take and return these. */
export interface Value {
  readonly name: string;
  readonly type: TensorType;
  readonly builder: GraphBuilder;
}

/** Longest constant of which one copy serves all; finding longer ones again would cost more than storing them. */
const LARGEST_SHARED = 1024;

/** Attributes as plain values: integers, strings and lists of integers are wrapped, reals need `float(x)`. */
export type AttributeValues = Readonly<Record<string, number | string | readonly number[] | Attribute | undefined>>;

/** How a builder goes on with a graph. */
export interface FromOptions {
  readonly keepOutputs?: boolean;
  /** The builder of the graph around it, for a body. */
  readonly outer?: GraphBuilder | undefined;
  /** Operator set that new nodes are written in. */
  readonly opset?: number | undefined;
}

/**
 * Builds a graph node by node and infers every type on the way, so that a mistake stops at the line that makes it.
 * A builder with an `outer` one builds a loop's body: it may use the outer values, and shares the supply of names.
 */
export class GraphBuilder {
  readonly name: string;
  private readonly outer: GraphBuilder | undefined;
  private readonly scope: Scope;
  private readonly inputs: ValueInfo[] = [];
  private readonly outputs: ValueInfo[] = [];
  private readonly initializers = new Map<string, Tensor>();
  private readonly nodeList: Node[] = [];
  /** What the file says of values that nobody can infer. */
  private valueInfo: Graph['valueInfo'];
  /** Constants by their content, and the tensors of all constants by name. */
  private readonly constants = new Map<string, Value>();
  private readonly constantTensors = new Map<string, Tensor>();
  private readonly names: Names;
  /** Operator set that the operators of `ops.ts` are written in; a body's is that of the graph around it. */
  readonly opset: number;

  constructor(name: string, outer?: GraphBuilder, opset = outer?.opset ?? OPSET) {
    this.name = name;
    this.outer = outer;
    this.opset = opset;
    this.scope = new Scope(outer?.scope);
    this.names = outer?.names ?? new Names();
  }

  /** A builder that goes on where a finished graph stopped (outputs are kept unless `keepOutputs` is false). */
  static from(graph: Graph, options: FromOptions = {}): GraphBuilder {
    const b = new GraphBuilder(graph.name, options.outer, options.opset);
    b.names.addGraph(graph);
    b.valueInfo = graph.valueInfo;
    b.scope.declare(graph.valueInfo);
    for (const input of graph.inputs) b.declareInput(input);
    for (const [name, tensor] of graph.initializers) b.declareParameter(name, tensor);
    for (const node of graph.nodes) b.addNode(node);
    if (options.keepOutputs ?? true) b.outputs.push(...graph.outputs);
    return b;
  }

  /** Keeps the names of another graph from being given out. */
  reserve(graph: Graph): void {
    this.names.addGraph(graph);
  }

  /** A name with a number that is not used in this graph or any around it. */
  fresh(prefix: string): string {
    return this.names.numbered(prefix);
  }

  /** The wanted name where it is free, else the same with a number. */
  unique(wanted: string): string {
    return this.names.unique(wanted);
  }

  /** An input of the graph; its shape is undefined when even the rank is unknown. Throws when the name is taken. */
  input(name: string, elementType: ElementType, shape: readonly Dim[] | undefined): Value {
    this.claim(name);
    return this.declareInput({ name, type: { elementType, shape } });
  }

  /** A trainable weight: an initializer of the graph. Throws when the name is taken. */
  parameter(name: string, tensor: Tensor): Value {
    this.claim(name);
    return this.declareParameter(name, tensor);
  }

  /** A constant that is no parameter: a `Constant` node. Equal constants are one node, but for large ones. */
  constant(tensor: Tensor): Value {
    const key = tensor.data.length <= LARGEST_SHARED ? tensorText(tensor) : undefined;
    const found = key === undefined ? undefined : this.findConstant(key);
    if (found) return found;
    const name = this.fresh('Constant');
    this.addNode({ ...constantNode(`${name}_out`, tensor), name });
    const value = this.value(`${name}_out`);
    if (key !== undefined) this.constants.set(key, value);
    return value;
  }

  /** A tensor stored under this name where and as another value is: an initializer beside an initializer, else a constant. */
  storedLike(like: Value, name: string, tensor: Tensor): Value {
    if (this.initializers.has(like.name)) return this.parameter(name, tensor);
    if (this.outer?.tensorOf(like) && !this.constantTensors.has(like.name)) {
      return this.outer.storedLike(like, name, tensor);
    }
    this.addNode(constantNode(name, tensor));
    return this.value(name);
  }

  /** A float32 scalar, or a list as a vector. */
  float(value: number | readonly number[]): Value {
    return this.constant(typeof value === 'number' ? floats([], [value]) : floats([value.length], value));
  }

  /** An int64 vector: a shape, axes, sizes. */
  ints(values: readonly number[]): Value {
    return this.constant(int64s([values.length], values));
  }

  /** Appends an operator; `outputs` is their number, or their names; `label` is what the node is called. */
  node(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: AttributeValues = {},
    outputs: number | readonly string[] = 1,
    domain = '',
    label = this.fresh(op),
  ): Value[] {
    const names =
      typeof outputs === 'number'
        ? Array.from({ length: outputs }, (_, i) => (outputs === 1 ? `${label}_out` : `${label}_out${i}`))
        : outputs;
    for (const name of names) this.names.add(name);
    const given = inputs.slice(0, inputs.findLastIndex((v) => v !== undefined) + 1);
    const wrapped = Object.entries(attributes).flatMap(([k, v]) => (v === undefined ? [] : [[k, attribute(v)]]));
    const node: Node = {
      op,
      domain,
      name: label,
      inputs: given.map((v) => (v === undefined ? '' : this.visible(v, op).name)),
      outputs: names,
      attributes: Object.fromEntries(wrapped),
    };
    if (!isKnown(node)) {
      const operator = domain === '' ? op : `${domain}.${op}`;
      throw new SlimError(`graph '${this.name}': the shape of operator ${operator} ('${label}') is not known here`);
    }
    this.addNode(node);
    return names.map((name) => this.value(name));
  }

  /** Appends a finished node as it is, after checking that it fits; an operator that nobody knows always does. */
  addNode(node: Node): void {
    this.scope.defineNode(node);
    this.nodeList.push(node);
    const constant = constantTensor(node);
    if (constant) this.constantTensors.set(node.outputs[0]!, constant);
    for (const name of [node.name, ...node.outputs]) this.names.add(name);
  }

  /** The next node with the graphs inside it changed, which see the types that they are entered with. */
  mapBodies(node: Node, change: (body: Graph) => Graph): Node {
    return this.scope.mapBodies(node, change);
  }

  /** Replaces a node in place; the new one must define what the old one did, before the same consumers. */
  replaceNode(old: Node, replacement: Node): void {
    const at = this.nodeList.indexOf(old);
    if (at < 0) throw new SlimError(`graph '${this.name}' has no node '${old.name}' to replace`);
    this.scope.defineNode(replacement);
    this.nodeList[at] = replacement;
  }

  /** The value of that name, here or in a graph around this one. */
  value(name: string): Value {
    const type = this.scope.type(name);
    if (type === undefined) throw new SlimError(`graph '${this.name}' has no value '${name}'`);
    return { name, type, builder: this };
  }

  /** The tensor of a constant or a parameter; undefined for a value that is computed. */
  tensorOf(value: Value): Tensor | undefined {
    const { name } = value;
    return this.constantTensors.get(name) ?? this.initializers.get(name) ?? this.outer?.tensorOf(value);
  }

  /** Known integer contents of a value (a shape, axes), or undefined. */
  knownInts(value: Value): readonly Dim[] | undefined {
    return this.scope.ints(value.name);
  }

  /** True when this builder makes a body somewhere inside `other`'s graph. */
  isInside(other: GraphBuilder): boolean {
    for (let b = this.outer; b; b = b.outer) if (b === other) return true;
    return false;
  }

  /** The nodes so far, in order. */
  get nodes(): readonly Node[] {
    return this.nodeList;
  }

  /** Declares an output; with a new name through an Identity, so that the name can be chosen. */
  output(value: Value, name = value.name): void {
    if (name === value.name) this.outputs.push({ name: this.givenOut(value).name, type: value.type });
    else {
      this.claim(name);
      this.node('Identity', [value], {}, [name]);
      this.outputs.push({ name, type: value.type });
    }
  }

  build(): Graph {
    return {
      name: this.name,
      inputs: [...this.inputs],
      outputs: [...this.outputs],
      initializers: new Map(this.initializers),
      nodes: [...this.nodeList],
      ...(this.valueInfo && { valueInfo: this.valueInfo }),
    };
  }

  /** The value, or a copy where a body would give out what it did not make, or twice: ONNX Runtime does that wrong. */
  private givenOut(value: Value): Value {
    if (this.outer === undefined) return value;
    const isNew = !this.outputs.some((o) => o.name === value.name);
    if (isNew && this.nodeList.some((n) => n.outputs.includes(value.name))) return value;
    return this.node('Identity', [value])[0]!;
  }

  private declareInput(input: ValueInfo): Value {
    this.names.add(input.name);
    this.scope.define(input.name, input.type);
    this.inputs.push(input);
    return this.value(input.name);
  }

  private declareParameter(name: string, tensor: Tensor): Value {
    this.names.add(name);
    this.scope.defineTensor(name, tensor);
    this.initializers.set(name, tensor);
    return this.value(name);
  }

  private claim(name: string): void {
    if (this.scope.type(name)) throw new SlimError(`graph '${this.name}' already has a value named '${name}'`);
    this.names.add(name);
  }

  private findConstant(key: string): Value | undefined {
    return this.constants.get(key) ?? this.outer?.findConstant(key);
  }

  private visible(value: Value, op: string): Value {
    if (this === value.builder || this.isInside(value.builder)) return value;
    throw new SlimError(`${op}: value '${value.name}' belongs to graph '${value.builder.name}', not to '${this.name}'`);
  }
}

/** True for a node that only holds a constant. */
export function isConstant(node: Node): boolean {
  return constantTensor(node) !== undefined;
}
