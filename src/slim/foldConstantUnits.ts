import { sizeOf } from '../graph/dims.ts';
import { type Numbers, numbersOf } from '../graph/numbers.ts';
import { useCounts } from '../graph/rewrite.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import { mapStored, storedHere, storedTensors } from '../graph/stored.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import type { AxisComponents, Groups } from '../groups/groups.ts';
import { drivenByBias, liveComponents, weightsOf } from '../groups/measure.ts';
import type { TracedModel } from '../groups/traceModel.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import { activityKey } from './activity.ts';
import { compensate, withValues } from './compensate.ts';
import { constantChannels } from './constantChannels.ts';
import { ownBiases } from './ownBiases.ts';
import { type UnitReader, unitReaders } from './readers.ts';

/** A model whose constant units are folded, and what is known of its components. */
export interface FoldedModel extends TracedModel {
  /** As `liveComponents` and `drivenByBias` return them. */
  readonly live: Uint8Array;
  readonly driven: Uint8Array;
}

/**
 * Adds what units that only biases drive put out to the biases of their readers, and lets nothing read them any more:
 * the model computes what it did, up to rounding, and they are no longer alive. Units stay as they are where what comes
 * out changes over the steps (gated cells with a bias at the candidate, any state that a caller gives), and where a
 * reader is no product with a bias of its own.
 */
export function foldConstantUnits(traced: TracedModel): FoldedModel {
  // A unit that reads none but those that were folded is driven by biases alone after them.
  for (let model = traced; ; ) {
    const { groups } = model;
    const own = constantPerUse(model.prepared.graph);
    const weights = weightsOf(own);
    const live = liveComponents(groups, weights);
    const driven = drivenByBias(groups, weights, live);
    const folded = driven.includes(1) ? foldOnce(model, own, driven) : undefined;
    if (folded === undefined) return { ...model, live, driven };
    model = folded;
  }
}

/** Folds those of the components that can be; `own` is the graph with its constants one per use. */
function foldOnce({ prepared, groups }: TracedModel, own: Graph, driven: Uint8Array): TracedModel | undefined {
  const constants = constantChannels(own);
  const { readers } = unitReaders(own, groups);
  const { biases } = ownBiases(own, groups, readers);
  const stored = storedHere(own);
  const uses = useCounts(own);
  const reading = groups.axes.filter(({ role }) => role === 'reads');

  /** What a reader reads at an index for any data; NaN where that depends on them. */
  const constantAt = (reader: UnitReader, index: number): number => {
    const value = reader.along === -1 ? constants.get(reader.value)?.[index] : undefined;
    const isOwnState = reader.bias.kind === 'recurrent' && reader.bias.half === 1;
    // The state before the first step is 0, whatever comes after it.
    return value === undefined || (isOwnState && value !== 0) ? Number.NaN : value;
  };
  const canTake = (reader: UnitReader, index: number) => {
    const value = constantAt(reader, index);
    return value === 0 || (Number.isFinite(value) && biases.has(reader));
  };
  const isUnread = (axis: AxisComponents, index: number) => {
    const values = denseValues(stored.get(axis.tensor));
    if (values !== undefined && isZeroAt(stored.get(axis.tensor)!, values, axis.axis, index)) return true;
    const found = readers.filter(({ weight, reads }) => weight === axis.tensor && reads === axis.axis);
    const isOwn = values !== undefined && uses.get(axis.tensor) === 1 && found.length > 0;
    return isOwn && found.every((reader) => canTake(reader, index));
  };
  const canFold = (k: number) => reading.every((axis) => indicesOf(axis, k).every((index) => isUnread(axis, index)));
  const folded = Uint8Array.from(driven, (is, k) => (is === 1 && !groups.entangled.has(k) && canFold(k) ? 1 : 0));
  if (!folded.includes(1)) return undefined;

  const readFolded = (reader: UnitReader) =>
    Float64Array.from(reader.components, (k, index) => (k >= 0 && folded[k] === 1 && constantAt(reader, index)) || 0);
  const activity = new Map(
    readers
      .map(
        (reader) =>
          [activityKey(reader), { count: 1, mean: readFolded(reader), products: new Float64Array() }] as const,
      )
      .filter(([, { mean }]) => mean.some((value) => value !== 0)),
  );
  const made = activity.size > 0 ? compensate({ prepared, groups }, folded, activity, 'mean') : { prepared, groups };
  const graph = unread(constantPerUse(made.prepared.graph), groups, folded);
  return { prepared: { ...made.prepared, graph }, groups: made.groups };
}

/** Values of a stored tensor; none of one that is stored sparse. */
const denseValues = (tensor: Tensor | undefined) =>
  tensor === undefined || tensor instanceof SparseTensor ? undefined : numbersOf(tensor);

const indicesOf = ({ components }: AxisComponents, k: number) =>
  [...components.keys()].filter((index) => components[index] === k);

/** Whether all weights at this index of an axis are zero. */
function isZeroAt({ dims }: Tensor, values: Numbers, axis: number, index: number): boolean {
  const inner = sizeOf(dims.slice(axis + 1));
  for (let line = 0; line < values.length; line += inner * dims[axis]!) {
    for (let i = 0; i < inner; i++) if (values[line + index * inner + i] !== 0) return false;
  }
  return true;
}

/** The graph with zeros wherever something reads these components. */
function unread(graph: Graph, groups: Groups, folded: Uint8Array): Graph {
  const tensors = storedTensors(graph);
  const changed = new Map<string, Float64Array>();
  for (const axis of groups.axes) {
    const tensor = axis.role === 'reads' ? tensors.get(axis.tensor) : undefined;
    if (tensor === undefined || !axis.components.some((k) => k >= 0 && folded[k] === 1)) continue;
    const values = changed.get(axis.tensor) ?? Float64Array.from(numbersOf(tensor)!);
    const inner = sizeOf(tensor.dims.slice(axis.axis + 1));
    const length = tensor.dims[axis.axis]!;
    for (let i = 0; i < values.length; i++) {
      const k = axis.components[Math.floor(i / inner) % length]!;
      if (k >= 0 && folded[k] === 1) values[i] = 0;
    }
    changed.set(axis.tensor, values);
  }
  return mapStored(graph, (tensor, name) => withValues(tensor, changed.get(name)));
}
