import { FreeSizes, namesIn } from '../graph/infer/sizes.ts';
import type { Dim, Graph, ValueInfo } from '../graph/types.ts';
import { type DimRole, dimRoles, roleOfName, type Vote, votesByPlace } from './dimRoles.ts';

/**
 * Where the sequences (examples) of an input lie side by side: along an axis, along none (`none`, the layers get a batch
 * that the graph makes), or, where nothing tells or what tells disagrees, why that is not known.
 */
export type BatchAxis = number | 'none' | { readonly unclear: string };

/** A dimension's name that no file has. */
const MARK = 'slimrnn:axis';
const OTHER = 'slimrnn:batch';

/**
 * The batch axis of each input, by name: the axis that recurrent operators and loops read as their batch, however it
 * gets there (Transpose, Reshape, …) and whether its size is free or fixed; else the one that is called so; else the one
 * that meets another input's batch; else the only one that may be it. An axis that is called the batch and read as the
 * steps is unclear, and so are several that nothing tells apart.
 */
export function batchAxes(graph: Graph): Map<string, BatchAxis> {
  const roles = dimRoles(graph);
  const found = new Map<string, BatchAxis>();
  for (const input of graph.inputs) {
    const axis = readAxis(input, graph) ?? namedAxis(input, (name) => roles.get(name));
    if (axis !== undefined) found.set(input.name, axis);
  }
  const open = graph.inputs.filter((input) => !found.has(input.name));
  const met = open.map((input) => [input, meetingAxis(input, graph, found) ?? onlyAxis(input)] as const);
  return new Map([...found, ...met.map(([input, axis]) => [input.name, axis] as const)]);
}

/** The number of sequences side by side that all inputs fix; undefined where some input leaves it free, or nothing tells. */
export function fixedBatch(graph: Graph): number | undefined {
  const axes = batchAxes(graph);
  const sizes = new Set<Dim | undefined>();
  for (const { name, type } of graph.inputs) {
    const axis = axes.get(name)!;
    if (axis !== 'none') sizes.add(typeof axis === 'number' ? type.shape?.[axis] : undefined);
  }
  const [size = sizes.size === 0 ? 1 : undefined] = sizes;
  return sizes.size < 2 && typeof size === 'number' ? size : undefined;
}

/** What the recurrent operators read one axis of an input as: nothing, or steps, or sequences, or both at once. */
function rolesOfAxis(input: ValueInfo, axis: number, graph: Graph): Set<DimRole> {
  // A factor of 1 says nothing in a product, and a Reshape that spells a size out divides by it.
  const isFree = typeof input.type.shape![axis] === 'string';
  const isMeant = ([dim]: Vote) => (isFree ? namesIn(dim).includes(MARK) : dim === MARK);
  const votes = votesByPlace(marked(graph, [{ input: input.name, axis, name: MARK }]));
  return new Set(votes.filter(isMeant).map(([, role]) => role));
}

/** The axis that recurrent operators read as their batch; undefined where they say too little. */
function readAxis(input: ValueInfo, graph: Graph): BatchAxis | undefined {
  const shape = input.type.shape ?? [];
  const roles = shape.map((_, axis) => rolesOfAxis(input, axis, graph));
  const read = roles.flatMap((r, axis) => (r.has('batch') && !r.has('time') ? [axis] : []));
  const steps = roles.flatMap((r, axis) => (r.has('time') && !r.has('batch') ? [axis] : []));
  const named = axesNamed(shape, 'batch');
  const wrong = named.find((axis) => steps.includes(axis));
  if (wrong !== undefined) {
    return { unclear: `axis ${wrong} is called '${shape[wrong]}', but a recurrent layer reads it as the steps` };
  }
  if (read.length === 1) {
    const [axis] = read as [number];
    if (named.length === 0 || named.includes(axis)) return axis;
    // A layer that runs over frequencies has the batch of examples within its own.
    return named.length === 1 ? named[0]! : undefined;
  }
  const both = read.filter((axis) => named.includes(axis));
  if (both.length === 1) return both[0]!;
  const rest = read.filter((axis) => roleOfName(String(shape[axis])) !== 'time');
  if (rest.length === 1) return rest[0]!;
  if (read.length > 1 && named.length === 0) {
    return { unclear: `recurrent layers read the axes ${read.join(' and ')} as their batch` };
  }
  // Steps that the layers read, and a batch that comes from no axis of this input.
  const others = shape.flatMap((_, axis) => (roles[axis]!.size === 0 && shape[axis] === 1 ? [axis] : []));
  const isAlone = steps.length > 0 && read.length === 0 && named.length === 0 && others.length === 0;
  return isAlone && roles.every((r) => !r.has('batch')) ? 'none' : undefined;
}

/** The batch axis of a value that no operator tells anything of: by the names of its dimensions, else the only choice. */
export function batchAxisByShape(value: ValueInfo): BatchAxis {
  return namedAxis(value, () => undefined) ?? onlyAxis(value);
}

/** The axis of the only free dimension that its name, or what is known of its kind, says to be the batch. */
function namedAxis(input: ValueInfo, roleOf: (name: string) => DimRole | undefined): number | undefined {
  const shape = input.type.shape ?? [];
  const own = axesNamed(shape, 'batch');
  if (own.length === 1) return own[0];
  const known = shape.flatMap((dim, axis) => (typeof dim === 'string' && roleOf(dim) === 'batch' ? [axis] : []));
  return own.length === 0 && known.length === 1 ? known[0] : undefined;
}

function axesNamed(shape: readonly Dim[], role: DimRole): number[] {
  return shape.flatMap((dim, axis) => (typeof dim === 'string' && roleOfName(dim) === role ? [axis] : []));
}

/** The axis that comes to stand where another input has its batch. */
function meetingAxis(input: ValueInfo, graph: Graph, known: ReadonlyMap<string, BatchAxis>): number | undefined {
  const batches = [...known].flatMap(([name, axis]) => {
    return typeof axis === 'number' ? [{ input: name, axis, name: OTHER }] : [];
  });
  if (batches.length === 0) return undefined;
  const axes = [...(input.type.shape ?? []).keys()].filter((axis) => {
    const same = new FreeSizes(marked(graph, [...batches, { input: input.name, axis, name: MARK }]));
    const kind = (name: string) => same.name(name);
    return kind(MARK) === kind(OTHER);
  });
  return axes.length === 1 ? axes[0] : undefined;
}

/** The axis that is left when those that count steps are not it. */
function onlyAxis({ type: { shape } }: ValueInfo): BatchAxis {
  if (shape === undefined) return { unclear: 'its shape is not known' };
  if (shape.length === 0) return 'none';
  const axes = [...shape.keys()].filter((axis) => roleOfName(String(shape[axis])) !== 'time');
  const free = axes.filter((axis) => typeof shape[axis] === 'string');
  if (free.length === 1) return free[0]!;
  const ones = axes.filter((axis) => shape[axis] === 1);
  if (free.length === 0 && ones.length === 1) return ones[0]!;
  if (free.length === 0 && axes[0] === 0 && axes.length === shape.length) return 0;
  const names = (free.length > 0 ? free : axes).map((axis) => shape[axis]);
  return { unclear: names.length === 0 ? 'every axis counts steps' : `nothing tells ${names.join(' from ')}` };
}

interface Mark {
  readonly input: string;
  readonly axis: number;
  readonly name: string;
}

/** The graph with other names for some axes of its inputs, so that they can be followed. */
function marked(graph: Graph, marks: readonly Mark[]): Graph {
  const inputs = graph.inputs.map((info): ValueInfo => {
    const own = marks.filter((mark) => mark.input === info.name);
    const { shape } = info.type;
    if (shape === undefined || own.length === 0) return info;
    const renamed = shape.map((dim, axis) => own.find((mark) => mark.axis === axis)?.name ?? dim);
    return { ...info, type: { ...info.type, shape: renamed } };
  });
  // What the file says of values in between goes by the old names.
  const { valueInfo: _, ...rest } = graph;
  return { ...rest, inputs };
}
