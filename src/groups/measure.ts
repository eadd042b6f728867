import { SlimError } from '../base/errors.ts';
import { sizeOf } from '../graph/dims.ts';
import { type Numbers, numbersOf } from '../graph/numbers.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import type { AxisComponents, Groups, Role } from './groups.ts';

/** Looks up the current values of a stored tensor; undefined for one that has none (a streaming state). */
export type WeightLookup = (name: string) => Tensor | undefined;

/** The tensors of a graph by name. */
export function weightsOf(graph: Graph): WeightLookup {
  const tensors = storedTensors(graph);
  return (name) => tensors.get(name);
}

/**
 * Number of weights in each component's group. A weight that two axes give to the same component counts twice, as in
 * the paper (24 000 and 28 000 for two layers of 1500 and 10 000 words); biases and states do not count.
 */
export function groupSizes(groups: Groups, graph: Graph): Int32Array {
  const sizes = new Int32Array(groups.count);
  const weights = weightsOf(constantPerUse(graph));
  for (const { tensor, axis, role, components } of groups.axes) {
    const dims = weights(tensor)?.dims;
    if (dims === undefined || role === 'bias') continue;
    const slice = sizeOf(dims) / dims[axis]!;
    for (const k of components) if (k >= 0) sizes[k]! += slice;
  }
  return sizes;
}

/** ‖w_k‖ of each component's group, without biases; weights that count twice in the size count twice here. */
export function groupNorms(groups: Groups, weights: WeightLookup): Float64Array {
  const produced = groupSquares(groups, weights, 'produces');
  return groupSquares(groups, weights, 'reads').map((read, k) => Math.sqrt(read + produced[k]!));
}

/** Sum of squares of the weights that have this role for each component. */
function groupSquares(groups: Groups, weights: WeightLookup, wanted: Role): Float64Array {
  // The last place takes what belongs to no component.
  const squares = new Float64Array(groups.count + 1);
  for (const { tensor, axis, role, components } of groups.axes) {
    const weight = role === wanted ? weights(tensor) : undefined;
    const values = weight && numbersOf(weight);
    if (values === undefined) continue;
    const owners = components.map((k) => (k < 0 ? groups.count : k));
    addSquares(squares, values, owners, sizeOf(weight!.dims.slice(axis + 1)));
  }
  return squares.subarray(0, groups.count);
}

/** `inner` neighbours belong to the same index of the axis whose indices have these owners. */
function addSquares(squares: Float64Array, values: Numbers, owners: Int32Array, inner: number): void {
  let at = 0;
  while (at < values.length) {
    for (let index = 0; index < owners.length; index++) {
      const end = at + inner;
      let sum = 0;
      for (; at < end; at++) sum += values[at]! * values[at]!;
      squares[owners[index]!]! += sum;
    }
  }
}

/**
 * 1 for every living component whose producing weights are all zero: nothing but biases drives it, so its activation
 * does not depend on the input. Something reads it: it can leave where biases can stand for it (`foldConstantUnits`).
 */
export function drivenByBias(groups: Groups, weights: WeightLookup, live: Uint8Array): Uint8Array {
  const produced = new Uint8Array(groups.count);
  for (const { tensor, role, components } of groups.axes) {
    if (role === 'produces' && weights(tensor)) for (const k of components) if (k >= 0) produced[k] = 1;
  }
  const squares = groupSquares(groups, weights, 'produces');
  return live.map((alive, k) => (alive === 1 && produced[k] === 1 && squares[k] === 0 ? 1 : 0));
}

/** Units of a layer, and how many of them nothing that matters reads. */
export interface LayerCount {
  readonly name: string;
  readonly units: number;
  readonly removable: number;
}

/** Counts the removable units of each layer; `live` as `liveComponents` returns it. */
export function removableByLayer(groups: Groups, live: Uint8Array): LayerCount[] {
  return groups.layers.map(({ name, components }) => ({
    name,
    units: components.length,
    removable: components.reduce((n, k) => n + (k >= 0 && live[k] === 0 ? 1 : 0), 0),
  }));
}

/**
 * 1 for every component that the fixed part of the model depends on, 0 for one that can leave without loss. A component
 * is alive when an operator mixes it with others, or when a nonzero weight lets something read it that always stays or
 * is alive; the others are read by nothing, or only by components that leave with them. Producing weights do not matter:
 * with zero producers biases still drive a unit.
 */
export function liveComponents(groups: Groups, weights: WeightLookup): Uint8Array {
  const live = new Uint8Array(groups.count);
  const queue: number[] = [];
  const awake = (k: number) => {
    if (k < 0 || live[k] === 1) return;
    live[k] = 1;
    queue.push(k);
  };
  for (const k of groups.entangled.keys()) awake(k);
  const readers = groups.axes.filter((a) => a.role === 'reads').map((a) => readerOf(groups, a, weights(a.tensor)));
  for (const reader of readers) {
    if (reader.values === undefined) for (const k of reader.components) awake(k);
    else readFixedLines(reader, reader.values, live, awake);
  }
  // Every element is looked at once at most, and only while its unit is not known to be alive.
  for (let k = queue.pop(); k !== undefined; k = queue.pop()) {
    for (const reader of readers) {
      const lines = reader.lines.get(k);
      if (lines && reader.values) readLines(reader, reader.values, lines, live, awake);
    }
  }
  return live;
}

/** An axis along which a tensor reads components: each line along it belongs to a component or is fixed. */
interface Reader {
  /** Undefined when the values are not known; then everything is taken to be read. */
  readonly values: Numbers | undefined;
  readonly components: Int32Array;
  /** Distance of neighbours along the axis. */
  readonly stride: number;
  /** Offsets of the lines that always stay. */
  readonly fixed: number[];
  /** Offsets of the lines of each reading component. */
  readonly lines: ReadonlyMap<number, number[]>;
  /** Indices whose components are not known to be alive; the first `open` of them count. */
  readonly undecided: Int32Array;
  open: number;
}

function readerOf(groups: Groups, along: AxisComponents, tensor: Tensor | undefined): Reader {
  const { components } = along;
  const dims = tensor?.dims ?? [];
  if (tensor !== undefined && dims[along.axis] !== components.length) {
    throw new SlimError(
      `tensor '${along.tensor}' has dimensions [${dims}], its groups have ${components.length} indices on axis ` +
        `${along.axis}; trace the groups of this model again`,
    );
  }
  const strides = dims.map((_, i) => sizeOf(dims.slice(i + 1)));
  const others = groups.axes.filter((a) => a.tensor === along.tensor && a.axis !== along.axis);
  const fixed: number[] = [];
  const lines = new Map<number, number[]>();
  const visit = (axis: number, offset: number, owners: readonly number[]): void => {
    if (axis === dims.length) {
      if (owners.length === 0) fixed.push(offset);
      for (const k of owners) {
        const own = lines.get(k);
        if (own) own.push(offset);
        else lines.set(k, [offset]);
      }
    } else if (axis === along.axis) visit(axis + 1, offset, owners);
    else {
      const owner = others.find((a) => a.axis === axis)?.components;
      for (let i = 0; i < dims[axis]!; i++) {
        const k = owner?.[i] ?? -1;
        visit(axis + 1, offset + i * strides[axis]!, k < 0 ? owners : [...owners, k]);
      }
    }
  };
  if (tensor !== undefined) visit(0, 0, []);
  const undecided = Int32Array.from(components.keys()).filter((i) => components[i]! >= 0);
  const values = tensor && numbersOf(tensor);
  return { values, components, stride: strides[along.axis] ?? 1, fixed, lines, undecided, open: undecided.length };
}

/** Reads one line after the other, and drops the units that are found alive from those still to be decided. */
function readLines(
  reader: Reader,
  values: Numbers,
  lines: readonly number[],
  live: Uint8Array,
  awake: (k: number) => void,
): void {
  const { undecided, components, stride } = reader;
  for (const offset of lines) {
    let left = 0;
    for (let u = 0; u < reader.open; u++) {
      const index = undecided[u]!;
      const k = components[index]!;
      if (live[k] === 1) continue;
      if (values[offset + index * stride] !== 0) awake(k);
      else undecided[left++] = index;
    }
    reader.open = left;
    if (left === 0) return;
  }
}

/** Reads the fixed lines in the order of memory: across the lines for an inner axis, unit by unit for an outer one. */
function readFixedLines(reader: Reader, values: Numbers, live: Uint8Array, awake: (k: number) => void): void {
  const { fixed, undecided, components, stride } = reader;
  if (stride === 1) {
    readLines(reader, values, fixed, live, awake);
    return;
  }
  for (let u = 0; u < reader.open; u++) {
    const start = undecided[u]! * stride;
    const k = components[undecided[u]!]!;
    if (live[k] === 0 && fixed.some((offset) => values[offset + start] !== 0)) awake(k);
  }
}
