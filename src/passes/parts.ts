import { constantNode, constantTensor, int64s, intAttribute, integers, intsAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { moves } from '../graph/operators.ts';
import { removeDeadNodes, usedNames } from '../graph/rewrite.ts';
import { operatorsWith, type Rules, ruleFor, ruleForEach } from '../graph/rules.ts';
import type { Attribute, Dim, Graph, Model, Node, Tensor } from '../graph/types.ts';

/*
 * Values in parts. A tensor that holds the units of several layers or directions side by side must lose equally many
 * of each; in parts it need not.
 */

/** A value in parts: stacked along an axis that the parts do not have, or joined along one that they have. */
export interface Parts {
  readonly names: readonly string[];
  readonly axis: number;
  readonly stacked: boolean;
  /** Lengths of joined parts along the axis, where they are known. */
  readonly sizes?: readonly number[] | undefined;
}

/** Tensors of the main graph that can be cut in two: initializers and constants. */
export function storedHere(graph: Graph): Map<string, Tensor> {
  const found = new Map(graph.initializers);
  for (const node of graph.nodes) {
    const tensor = constantTensor(node);
    if (tensor) found.set(node.outputs[0]!, tensor);
  }
  return found;
}

/**
 * Copies a graph node by node, with values in parts where that is possible: what moves elements of such a value works on
 * its parts, everything else gets the value as a whole.
 */
export class PartWriter {
  /** Shapes in the graph as it was. */
  readonly shapeOf: (name: string) => readonly Dim[] | undefined;
  /** Tensors of the main graph: initializers and constants. */
  readonly stored: ReadonlyMap<string, Tensor>;
  /** Values in parts, by the name that they had as a whole. */
  readonly parts = new Map<string, Parts>();
  readonly nodes: Node[] = [];
  readonly initializers: Map<string, Tensor>;
  private readonly graph: Graph;
  private readonly opset: number;
  /** Values that something takes slices out of. */
  private readonly taken: ReadonlySet<string>;
  private readonly names: Set<string>;

  constructor({ graph, opsets }: Model) {
    this.graph = graph;
    this.opset = opsets[''] ?? 0;
    this.stored = storedHere(graph);
    this.taken = new Set(graph.nodes.filter(takesSlices).map((n) => n.inputs[0] ?? ''));
    const typeOf = inferTypes(graph);
    this.shapeOf = (name) => typeOf(name)?.shape;
    this.initializers = new Map(graph.initializers);
    this.names = new Set([
      ...graph.inputs.map((v) => v.name),
      ...this.stored.keys(),
      ...graph.nodes.flatMap((n) => [n.name, ...n.outputs, ...usedNames(n)]),
    ]);
  }

  /** Emits any other node, on the parts of its input where it can work on them. */
  pass(node: Node): void {
    const parts = this.parts.get(node.inputs[0] ?? '');
    const others = node.inputs.slice(1).some((name) => this.parts.has(name));
    if (node.domain === '') {
      if (node.op === 'Concat' && this.concat(node)) return;
      if (parts && !others && this.onParts(node, parts)) return;
    }
    for (const name of usedNames(node)) this.whole(name);
    this.nodes.push(node);
  }

  /** The new graph, with the inputs and outputs of the old one or others. */
  finish(border: Partial<Pick<Graph, 'inputs' | 'outputs'>> = {}): Graph {
    const graph = { ...this.graph, ...border };
    for (const output of graph.outputs) this.whole(output.name);
    return removeDeadNodes({ ...graph, nodes: this.nodes, initializers: this.initializers });
  }

  /** True in operator sets before 13, where Squeeze, Unsqueeze and Split take axes and sizes as attributes. */
  get axesAreAttributes(): boolean {
    return this.opset > 0 && this.opset < 13;
  }

  /** Puts the parts of a value together, under the name that it had. */
  whole(name: string): void {
    const parts = this.parts.get(name);
    if (parts === undefined) return;
    this.parts.delete(name);
    const { names, axis, stacked } = parts;
    const pieces = stacked ? names.map((part) => this.emit('Unsqueeze', [part], {}, [axis])) : names;
    this.nodes.push(plainNode('Concat', pieces, [name], { axis: { type: 'int', value: axis } }));
  }

  /** A node on each part; false when it needs the value as a whole. */
  private onParts(node: Node, parts: Parts): boolean {
    const shape = this.shapeOf(node.inputs[0]!);
    // A rule says what becomes of the first output; only Split has more of a kind.
    const several = node.op !== 'Split' && node.outputs.slice(1).some((output) => output !== '');
    if (shape === undefined || several) return false;
    const rule = ruleFor(partRules, node);
    const results = rule?.({
      node,
      parts,
      shape,
      emit: this.emit,
      constant: this.constant,
      ints: this.ints,
      shapeOf: this.shapeOf,
    });
    if (results === undefined) return false;
    node.outputs.forEach((output, i) => {
      const result = results[i];
      if (output === '' || result === undefined) return;
      if (typeof result !== 'string') this.parts.set(output, result);
      else this.nodes.push(plainNode('Identity', [result], [output]));
    });
    return true;
  }

  /** Concat of values in parts along the axis of the parts: the parts of all of them, one after another. */
  private concat(node: Node): boolean {
    const all = node.inputs.map((name) => this.parts.get(name));
    const rank = this.shapeOf(node.outputs[0]!)?.length;
    const first = all.find((p) => p !== undefined);
    if (rank === undefined) return false;
    const axis = normalizeAxis(intAttribute(node, 'axis', 0), rank);
    if (first !== undefined && all.every((p) => p?.axis === axis && p?.stacked === first.stacked)) {
      const sizes = all.every((p) => p?.sizes) ? all.flatMap((p) => p?.sizes ?? []) : undefined;
      this.parts.set(node.outputs[0]!, { ...first, names: all.flatMap((p) => p?.names ?? []), sizes });
      return true;
    }
    // A row of single slices, of which some may be taken out again: the last states of all layers.
    if (first !== undefined || axis === undefined || !this.taken.has(node.outputs[0]!)) return false;
    if (!node.inputs.every((name) => this.shapeOf(name)?.[axis] === 1)) return false;
    this.parts.set(node.outputs[0]!, { names: node.inputs, axis, stacked: false, sizes: node.inputs.map(() => 1) });
    return true;
  }

  private readonly ints = (name: string | undefined): readonly number[] | undefined =>
    name ? integers(this.stored.get(name)) : undefined;

  /** Appends a node with one output and returns its name; `axes` are an input or, in older operator sets, an attribute. */
  readonly emit: Emit = (op, inputs, attributes = {}, axes) => {
    const output = this.fresh(`${inputs[0]}.${op.toLowerCase()}`);
    if (axes === undefined) this.nodes.push(plainNode(op, inputs, [output], attributes));
    else if (this.axesAreAttributes) {
      this.nodes.push(plainNode(op, inputs, [output], { ...attributes, axes: { type: 'ints', value: axes } }));
    } else {
      this.nodes.push(plainNode(op, [...inputs, this.constant(axes)], [output], attributes));
    }
    return output;
  };

  /** Appends a constant vector of integers and returns its name. */
  readonly constant = (values: readonly number[]): string => {
    const name = this.fresh('ints');
    this.nodes.push(constantNode(name, int64s([values.length], values)));
    return name;
  };

  /** A name that nothing has. */
  fresh(prefix: string): string {
    let name = prefix;
    for (let i = 1; this.names.has(name); i++) name = `${prefix}_${i}`;
    this.names.add(name);
    return name;
  }
}

/** True where slices are taken out of a value. */
function takesSlices(node: Node): boolean {
  const how = moves(node);
  return how === 'drops' || how === 'picks';
}

/** A node of ONNX's own operators, named after its output. */
export function plainNode(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): Node {
  return { op, domain: '', name: outputs[0]!, inputs, outputs, attributes };
}

type Emit = (
  op: string,
  inputs: readonly string[],
  attributes?: Readonly<Record<string, Attribute>>,
  axes?: readonly number[],
) => string;

/** What a rule for values in parts sees. */
interface PartContext {
  readonly node: Node;
  /** The first input, the only one that is in parts. */
  readonly parts: Parts;
  /** Shape of that input as a whole. */
  readonly shape: readonly Dim[];
  readonly emit: Emit;
  /** The name of a new constant vector. */
  constant(values: readonly number[]): string;
  ints(name: string | undefined): readonly number[] | undefined;
  shapeOf(name: string): readonly Dim[] | undefined;
}

/** Says what each output is: in parts, or a value by name; undefined when the operator needs the value as a whole. */
type PartRule = (c: PartContext) => readonly (Parts | string)[] | undefined;

/** The axis of a part that is this axis of the whole. */
function partAxis(parts: Parts, axis: number): number {
  return parts.stacked && axis > parts.axis ? axis - 1 : axis;
}

/** True where each index along the axis of the parts is one part. */
function isUnit({ parts, shape }: PartContext): boolean {
  return parts.stacked || shape[parts.axis] === parts.names.length;
}

/** Some of the parts of a stack or of a row of single slices, in this order. */
function pick({ parts, emit }: PartContext, indices: readonly number[]): Parts | string | undefined {
  const names = indices.map((i) => parts.names[i < 0 ? i + parts.names.length : i]);
  if (!names.every((name) => name !== undefined) || names.length === 0) return undefined;
  if (names.length > 1) return { ...parts, names, sizes: names.map(() => 1) };
  return parts.stacked ? emit('Unsqueeze', [names[0]!], {}, [parts.axis]) : names[0]!;
}

/** Works element by element, whatever else it takes. */
const elementwise: PartRule = ({ node, parts, emit }) => [
  { ...parts, names: parts.names.map((part) => emit(node.op, [part, ...node.inputs.slice(1)], node.attributes)) },
];

const transpose: PartRule = ({ node, parts, shape, emit }) => {
  const perm = intsAttribute(node, 'perm') ?? [...shape.keys()].reverse();
  const own = perm.filter((p) => !parts.stacked || p !== parts.axis).map((p) => partAxis(parts, p));
  const moved = own.some((p, i) => p !== i);
  const names = moved
    ? parts.names.map((part) => emit('Transpose', [part], { perm: { type: 'ints', value: own } }))
    : parts.names;
  return [{ ...parts, names, axis: perm.indexOf(parts.axis) }];
};

const squeeze: PartRule = ({ node, parts, shape, emit, ints }) => {
  const axes = (intsAttribute(node, 'axes') ?? ints(node.inputs[1]))?.map((a) => normalizeAxis(a, shape.length));
  if (!axes?.every((a) => a !== undefined) || axes.includes(parts.axis)) return undefined;
  const own = axes.map((a) => partAxis(parts, a));
  const names = parts.names.map((part) => emit('Squeeze', [part], {}, own));
  return [{ ...parts, names, axis: parts.axis - axes.filter((a) => a < parts.axis).length }];
};

const unsqueeze: PartRule = ({ node, parts, shape, emit, ints }) => {
  const given = intsAttribute(node, 'axes') ?? ints(node.inputs[1]);
  const rank = shape.length + (given?.length ?? 0);
  const axes = given?.map((a) => normalizeAxis(a, rank));
  if (!axes?.every((a) => a !== undefined)) return undefined;
  const kept = Array.from({ length: rank }, (_, i) => i).filter((i) => !axes.includes(i));
  const moved = { ...parts, axis: kept[parts.axis]! };
  const names = parts.names.map((part) =>
    emit(
      'Unsqueeze',
      [part],
      {},
      axes.map((a) => partAxis(moved, a)),
    ),
  );
  return [{ ...moved, names }];
};

/** [.., D, H, ..] to [.., D·H, ..]: the stack becomes a row. */
const reshape: PartRule = ({ node, parts, shape, shapeOf }) => {
  const after = shapeOf(node.outputs[0]!);
  const { axis, stacked, names } = parts;
  const units = shape[axis + 1];
  if (!stacked || typeof units !== 'number' || after?.length !== shape.length - 1) return undefined;
  const before = [...shape.slice(0, axis), names.length * units, ...shape.slice(axis + 2)];
  // One dimension may be spelled in another way: the number of elements does not change.
  const unlike = before.filter((d, i) => d !== after[i]);
  if (after[axis] !== before[axis] || unlike.length > 1 || unlike.some((d) => typeof d === 'number')) return undefined;
  return [{ names, axis, stacked: false, sizes: names.map(() => units) }];
};

const gather: PartRule = (c) => {
  const { node, parts, shape, emit, ints, shapeOf } = c;
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), shape.length);
  const rank = shapeOf(node.inputs[1]!)?.length;
  if (axis === undefined || rank === undefined) return undefined;
  if (axis !== parts.axis) {
    const attributes = { ...node.attributes, axis: { type: 'int', value: partAxis(parts, axis) } } as const;
    const names = parts.names.map((part) => emit('Gather', [part, node.inputs[1]!], attributes));
    return [{ ...parts, names, axis: parts.axis + (axis < parts.axis ? rank - 1 : 0) }];
  }
  const indices = ints(node.inputs[1]);
  if (!isUnit(c) || indices === undefined || rank > 1) return undefined;
  if (rank === 1) return some(pick(c, indices));
  const index = indices[0]!;
  const part = parts.names[index < 0 ? index + parts.names.length : index];
  return some(part === undefined || parts.stacked ? part : emit('Squeeze', [part], {}, [axis]));
};

const slice: PartRule = (c) => {
  const { node, parts, shape, emit, ints } = c;
  const given = (name: string, input: number) => intsAttribute(node, name) ?? ints(node.inputs[input]);
  const [starts, ends] = [given('starts', 1), given('ends', 2)];
  if (starts === undefined || ends === undefined) return undefined;
  const axes = (given('axes', 3) ?? [...starts.keys()]).map((a) => normalizeAxis(a, shape.length));
  const steps = given('steps', 4) ?? starts.map(() => 1);
  if (!axes.every((a) => a !== undefined)) return undefined;
  if (!axes.includes(parts.axis)) {
    if (intsAttribute(node, 'starts')) {
      const own = { ...node.attributes, axes: { type: 'ints', value: axes.map((a) => partAxis(parts, a)) } } as const;
      return [{ ...parts, names: parts.names.map((part) => emit('Slice', [part], own)) }];
    }
    if (parts.stacked && axes.some((a) => a > parts.axis)) return undefined;
    return elementwise(c);
  }
  if (axes.length !== 1 || steps[0] !== 1) return undefined;
  const size = isUnit(c) ? parts.names.length : shape[parts.axis];
  if (typeof size !== 'number') return undefined;
  const clamp = (position: number) => Math.min(Math.max(position < 0 ? position + size : position, 0), size);
  const [start, end] = [clamp(starts[0]!), clamp(ends[0]!)];
  if (isUnit(c)) {
    return some(
      pick(
        c,
        Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i),
      ),
    );
  }
  // Along a row of parts: exactly one of them.
  let begin = 0;
  for (const [i, length] of (parts.sizes ?? []).entries()) {
    if (begin === start) return begin + length === end ? some(parts.names[i]) : undefined;
    begin += length;
  }
  return undefined;
};

function some(result: Parts | string | undefined): readonly (Parts | string)[] | undefined {
  return result === undefined ? undefined : [result];
}

/** One output for each part, or the same pieces of every part. */
const split: PartRule = (c) => {
  const { node, parts, shape, emit, ints } = c;
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), shape.length);
  if (axis !== parts.axis || !isUnit(c) || node.outputs.length !== parts.names.length) return undefined;
  const sizes = intsAttribute(node, 'split') ?? (node.inputs[1] ? ints(node.inputs[1]) : undefined);
  if (node.inputs[1] && sizes === undefined) return undefined;
  if (sizes && !sizes.every((s) => s === 1)) return undefined;
  return parts.names.map((part) => (parts.stacked ? emit('Unsqueeze', [part], {}, [parts.axis]) : part));
};

/** The sizes of a stack: those of a part, with the number of parts in between. They may count units; see `reshape`. */
const shapeRule: PartRule = ({ node, parts, shape, emit, constant }) => {
  if (!parts.stacked) return undefined;
  const own = emit('Shape', [parts.names[0]!]);
  const range = (start: number, end: number) => Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
  const gathered = (axes: readonly number[]) => (axes.length === 0 ? [] : [emit('Gather', [own, constant(axes)])]);
  const pieces = [
    ...gathered(range(0, parts.axis)),
    constant([parts.names.length]),
    ...gathered(range(parts.axis, shape.length - 1)),
  ];
  const all = emit('Concat', pieces, { axis: { type: 'int', value: 0 } });
  const at = (name: string, otherwise: number) => {
    const given = intAttribute(node, name, otherwise);
    return Math.min(Math.max(given < 0 ? given + shape.length : given, 0), shape.length);
  };
  const [start, end] = [at('start', 0), at('end', shape.length)];
  return [start === 0 && end === shape.length ? all : emit('Gather', [all, constant(range(start, end))])];
};

const partRules: Rules<PartRule> = {
  ...ruleForEach(operatorsWith({ elementwise: 'unary' }), elementwise),
  Identity: ({ parts }) => [parts],
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Reshape: reshape,
  Shape: shapeRule,
  Gather: gather,
  Slice: slice,
  Split: split,
};
