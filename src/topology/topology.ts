import { sizeOf } from '../graph/dims.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import { storedTensors } from '../graph/stored.ts';
import { stridesOf } from '../graph/tensors.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { AxisComponents, Groups } from '../groups/groups.ts';
import { traceModel } from '../groups/traceModel.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';

/** Which weights a model has: for each of its units the connections that come in, found by the trace of its graph. */
export interface Topology {
  /** Layers whose units have connections of their own, those that others read first. */
  readonly layers: readonly UnitLayer[];
  /** The sparse tensors that bring connections to units. */
  readonly tensors: readonly Incoming[];
}

/** A layer; the two directions of a recurrent operator that share their units are one. */
export interface UnitLayer {
  readonly name: string;
  /** The component of each unit. */
  readonly units: Int32Array;
}

/** The connections of one tensor, one after the other. */
export interface Incoming {
  readonly tensor: string;
  /** Indices of the axis that the inputs lie along. */
  readonly inputs: number;
  /** Places that each unit has in the tensor, such as gates, times what other axes there are. */
  readonly places: number;
  /** The component of each input that is a unit, −1 for another input [inputs]. */
  readonly sources: Int32Array;
  /** Whether every weight is there. */
  readonly isDense: boolean;
  /** From which input, by which place, to which component a connection goes. */
  readonly input: Uint32Array;
  readonly place: Uint32Array;
  readonly unit: Uint32Array;
}

/** The topology of a model. A weight that is stored is a connection, whatever its value; of a dense tensor zeros are none. */
export function topologyOf(model: Model): Topology {
  const { prepared, groups } = traceModel(model, { tolerant: true, embeddings: true });
  const stored = storedTensors(constantPerUse(prepared.graph));
  const tensors = producingAxes(groups).flatMap((axis) => {
    const tensor = stored.get(axis.tensor);
    return tensor === undefined || tensor.dims.length < 2 ? [] : [incomingOf(tensor, axis, groups)];
  });
  return { layers: inOrder(layersOf(groups), tensors), tensors };
}

/** Each tensor's axis along which it makes units. */
function producingAxes({ axes }: Groups): AxisComponents[] {
  const found = new Map<string, AxisComponents>();
  for (const axis of axes) if (axis.role === 'produces' && !found.has(axis.tensor)) found.set(axis.tensor, axis);
  return [...found.values()];
}

function layersOf({ layers }: Groups): UnitLayer[] {
  const found = new Map<string, { readonly names: string[]; readonly units: Int32Array }>();
  for (const { name, components } of layers) {
    const units = components.filter((k) => k >= 0);
    if (units.length === 0) continue;
    const same = found.get(units.join());
    if (same) same.names.push(name);
    else found.set(units.join(), { names: [name], units });
  }
  return [...found.values()].map(({ names, units }) => ({ name: names.join(', '), units }));
}

/** Layers with those first of which all inputs are known; of layers that read each other the one named first. */
function inOrder(layers: readonly UnitLayer[], tensors: readonly Incoming[]): UnitLayer[] {
  const waiting = [...layers];
  const known = new Set<number>();
  const ordered: UnitLayer[] = [];
  while (waiting.length > 0) {
    const isReady = ({ units }: UnitLayer) => sourcesOf(units, tensors).every((k) => known.has(k));
    const [next] = waiting.splice(Math.max(0, waiting.findIndex(isReady)), 1);
    for (const k of next!.units) known.add(k);
    ordered.push(next!);
  }
  return ordered;
}

/** The components of other layers that some units read. */
function sourcesOf(units: Int32Array, tensors: readonly Incoming[]): number[] {
  const own = new Set(units);
  const read = tensors.filter(({ unit }) => unit.some((k) => own.has(k))).flatMap(({ sources }) => [...sources]);
  return read.filter((k) => k >= 0 && !own.has(k));
}

function incomingOf(tensor: Tensor, { tensor: name, axis, components }: AxisComponents, groups: Groups): Incoming {
  const { dims } = tensor;
  const other = inputAxis(dims, axis, name, groups);
  const read = groups.axes.find((a) => a.tensor === name && a.axis === other && a.role === 'reads');
  const gates = occurrences(components);
  const strides = stridesOf(dims);
  const rest = dims.map((_, i) => i).filter((i) => i !== axis && i !== other);
  const restSize = sizeOf(rest.map((i) => dims[i]!));
  const at = (flat: number, i: number) => Math.floor(flat / strides[i]!) % dims[i]!;
  const flat = placesOf(tensor).filter((i) => components[at(i, axis)]! >= 0);
  const restOf = (i: number) => rest.reduce((sum, a) => sum * dims[a]! + at(i, a), 0);
  return {
    tensor: name,
    inputs: dims[other]!,
    places: restSize * (Math.max(...gates) + 1),
    sources: read?.components ?? new Int32Array(dims[other]!).fill(-1),
    isDense: flat.length === (sizeOf(dims) / dims[axis]!) * components.filter((k) => k >= 0).length,
    input: flat.map((i) => at(i, other)),
    place: flat.map((i) => gates[at(i, axis)]! * restSize + restOf(i)),
    unit: flat.map((i) => components[at(i, axis)]!),
  };
}

/** The axis that inputs lie along: the one whose indices are units, or else the longest. */
function inputAxis(dims: readonly number[], axis: number, tensor: string, { axes }: Groups): number {
  const read = axes.find((a) => a.tensor === tensor && a.axis !== axis && a.role === 'reads');
  if (read) return read.axis;
  const others = dims.map((_, i) => i).filter((i) => i !== axis);
  return others.reduce((best, i) => (dims[i]! > dims[best]! ? i : best), others[0]!);
}

/** Which occurrence of its component each index is: of the rows of an LSTM's matrix, its gate. */
function occurrences(components: Int32Array): Int32Array {
  const seen = new Map<number, number>();
  return components.map((k) => {
    const n = seen.get(k) ?? 0;
    seen.set(k, n + 1);
    return n;
  });
}

/** Flat places of the connections. */
function placesOf(tensor: Tensor): Uint32Array {
  if (tensor instanceof SparseTensor) return tensor.indices;
  const data = tensor.data as Float32Array;
  const places: number[] = [];
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) places.push(i);
  return Uint32Array.from(places);
}
