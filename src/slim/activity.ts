import { SlimError } from '../base/errors.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { isRecurrent } from '../graph/operators.ts';
import { cast, matmul, reduceSum, reshape, shapeOf, transpose } from '../graph/ops.ts';
import { removeDeadNodes } from '../graph/rewrite.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import type { TracedModel } from '../groups/traceModel.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { givenRun, runAll } from '../verify/runs.ts';
import { sequenceOf, type UnitReader, unitReaders } from './readers.ts';

/** Moments of a value's n channels over all steps of all examples. */
export interface Moments {
  /** How often each channel was seen. */
  readonly count: number;
  /** E[x], n numbers. */
  readonly mean: Float64Array;
  /** E[x xᵀ], n · n numbers in row-major order. */
  readonly products: Float64Array;
}

/** What the readers of components read (`activityKey`), on given inputs. */
export type Activity = ReadonlyMap<string, Moments>;

/** Names what a reader reads: the same for readers of the same channels. */
export function activityKey({ value, along }: Pick<UnitReader, 'value' | 'along'>): string {
  return `${along} ${value}`;
}

/**
 * Runs a prepared model on runs of consecutive windows of inputs, with states carried from window to window and zero at
 * first where the first window of a run has none, and gathers the moments of all that its units' readers read. Steps behind the end of
 * a padded sequence count as the zeros that they are. Each window leaves n + n² numbers for each value, whatever its
 * length. Nothing runs where no weight reads a unit. Throws a SlimError when the model does not run on the inputs, or gives NaN or infinity there.
 */
export async function measureActivity(
  runtime: Runtime,
  { prepared, groups }: TracedModel,
  runs: readonly (readonly Tensors[])[],
): Promise<Activity> {
  const graph = constantPerUse(prepared.graph);
  const { readers } = unitReaders(graph, groups);
  if (readers.length === 0) return new Map();
  const taps = new Map(readers.map((reader, i) => [activityKey(reader), tapOf(reader, `activity.${i}`)]));
  const states = statesOf(prepared);
  const tapped = { ...prepared, graph: withTaps(graph, [...taps.values()], states, prepared.opsets['']) };
  await runAll(
    runtime,
    tapped,
    runs.map((windows) => givenRun(tapped, new Set(states.map((s) => s.input)), windows)),
    states,
    (outputs) => {
      for (const { prefix, sums } of taps.values()) addSums(sums, outputs, prefix);
    },
    { what: 'the model does not run on the given inputs' },
  );
  return new Map([...taps].map(([key, { reader, sums }]) => [key, meansOf(sums, reader.value)]));
}

/** Σ x xᵀ / count of each channel with itself: E[x²]. */
export function meanSquares({ mean, products }: Moments): Float64Array {
  return mean.map((_, i) => products[i * (mean.length + 1)]!);
}

/** A value to measure, what the names of its measures begin with, and what they add up to. */
interface Tap {
  readonly reader: UnitReader;
  readonly prefix: string;
  readonly sums: Sums;
}

function tapOf(reader: UnitReader, prefix: string): Tap {
  const { length } = reader.components;
  return {
    reader,
    prefix,
    sums: { count: 0, mean: new Float64Array(length), products: new Float64Array(length ** 2) },
  };
}

/** The graph with sums of what is read as its outputs, and with its states. */
function withTaps(graph: Graph, taps: readonly Tap[], states: readonly StatePair[], opset: number | undefined): Graph {
  const nodes = graph.nodes.map((node): Node => {
    return isRecurrent(node) ? { ...node, outputs: [sequenceOf(node), ...node.outputs.slice(1)] } : node;
  });
  const b = GraphBuilder.from({ ...graph, nodes }, { opset });
  for (const { reader, prefix } of taps) {
    const rows = channelRows(b.value(reader.value), reader);
    b.output(shapeOf(rows), `${prefix}.shape`);
    b.output(reduceSum(rows, [0]), `${prefix}.sums`);
    b.output(matmul(transpose(rows, [1, 0]), rows), `${prefix}.products`);
  }
  const { outputs, ...rest } = b.build();
  const carried = new Set(states.map((s) => s.output));
  const own = new Set(graph.outputs.map((o) => o.name));
  const wanted = outputs.filter(({ name }) => carried.has(name) || !own.has(name));
  return removeDeadNodes({ ...graph, ...rest, outputs: wanted });
}

/** A value as float32 [·, n] with its channels as columns, whatever its rank. */
function channelRows(x: Value, { along, components }: UnitReader): Value {
  const real = cast(x, 'float32');
  const n = components.length;
  return reshape(along === -1 ? real : transpose(reshape(real, [0, n, -1]), [0, 2, 1]), [-1, n]);
}

/** Sums over the windows so far. */
interface Sums {
  count: number;
  readonly mean: Float64Array;
  readonly products: Float64Array;
}

function addSums(sums: Sums, outputs: Readonly<Record<string, Tensor>>, prefix: string): void {
  sums.count += Number(outputs[`${prefix}.shape`]!.data[0]);
  addTo(sums.mean, outputs[`${prefix}.sums`]!);
  addTo(sums.products, outputs[`${prefix}.products`]!);
}

function addTo(sums: Float64Array, { data }: Tensor): void {
  const values = data as Float32Array;
  for (let i = 0; i < values.length; i++) sums[i]! += values[i]!;
}

function meansOf({ count, mean: sums, products }: Sums, value: string): Moments {
  const mean = sums.map((sum) => sum / count);
  if (!mean.every(Number.isFinite)) {
    throw new SlimError(
      `the model gives NaN or infinity at '${value}' on the given inputs; give others, or cut without looking at them ` +
        '(--no-compensate --rank norm)',
    );
  }
  return { count, mean, products: products.map((sum) => sum / count) };
}

/** Root mean square of each component over all that reads it; 0 where nothing that was measured does. */
export function activityOf({ prepared, groups }: TracedModel, activity: Activity): Float64Array {
  const squares = new Float64Array(groups.count);
  const counts = new Float64Array(groups.count);
  const measured = new Set<string>();
  for (const reader of unitReaders(constantPerUse(prepared.graph), groups).readers) {
    const key = activityKey(reader);
    const moments = activity.get(key);
    if (moments === undefined || measured.has(key)) continue;
    measured.add(key);
    const own = meanSquares(moments);
    reader.components.forEach((k, i) => {
      if (k < 0) return;
      squares[k]! += own[i]!;
      counts[k]! += 1;
    });
  }
  return squares.map((sum, k) => Math.sqrt(sum / Math.max(1, counts[k]!)));
}
