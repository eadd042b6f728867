import { sliceTensor } from '../graph/tensors.ts';
import type { Dim, Graph, Tensor } from '../graph/types.ts';
import { range } from '../groups/tracing/traced.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { batchAxes } from '../slim/batchAxes.ts';

/** Consecutive windows in two parts: what is computed comes from one, what is reported is measured on the other. */
export interface SplitInputs {
  readonly fit: readonly Tensors[];
  /** The same as `fit` where the inputs cannot be split. */
  readonly heldOut: readonly Tensors[];
  readonly isSplit: boolean;
  /** Windows that those held out follow, over which states are carried to them; none where these begin anew. */
  readonly before: readonly Tensors[];
}

/** The share that is held out, from the end. */
const HELD_OUT = 1 / 4;

/**
 * Splits given inputs: several windows between two of them; a single one along the free dimension that all its inputs
 * have: their batch (`batchAxes`), else that of the states where there are any, else the outermost.
 */
export function splitInputs(graph: Graph, states: ReadonlySet<string>, windows: readonly Tensors[]): SplitInputs {
  if (windows.length > 1) {
    const first = firstPart(windows.length);
    const fit = windows.slice(0, first);
    return { fit, heldOut: windows.slice(first), isSplit: true, before: states.size > 0 ? fit : [] };
  }
  const [window] = windows as [Tensors];
  const axes = axisToSplit(graph, states, window);
  const size = axes && window[axes.input]!.dims[axes.axis]!;
  if (axes === undefined || size === undefined) return { fit: windows, heldOut: windows, isSplit: false, before: [] };
  const first = firstPart(size);
  const part = (from: number, count: number) => [partOf(graph, window, axes.dim, range(from, count))];
  const fit = part(0, first);
  const before = followsInTime(graph, states, axes.dim) ? fit : [];
  return { fit, heldOut: part(first, size - first), isSplit: true, before };
}

/** True for a dimension that counts steps: each state goes on from one part to the next. */
function followsInTime({ inputs }: Graph, states: ReadonlySet<string>, dim: string): boolean {
  return states.size > 0 && inputs.every(({ name, type }) => !states.has(name) || !type.shape?.includes(dim));
}

function firstPart(size: number): number {
  return size - Math.max(1, Math.round(HELD_OUT * size));
}

/** A free dimension, and an input with the axis that has it. */
interface FreeAxis {
  readonly dim: string;
  readonly input: string;
  readonly axis: number;
}

function axisToSplit(graph: Graph, states: ReadonlySet<string>, window: Tensors): FreeAxis | undefined {
  const { inputs } = graph;
  const given = inputs.filter(({ name }) => !states.has(name));
  const [first] = given;
  const has = (dim: string) => (info: (typeof inputs)[number]) => info.type.shape?.includes(dim) ?? false;
  const axes = (first?.type.shape ?? []).flatMap((dim, axis): FreeAxis[] => {
    const size = window[first!.name]?.dims[axis] ?? 0;
    return typeof dim === 'string' && size > 1 && given.every(has(dim)) ? [{ dim, input: first!.name, axis }] : [];
  });
  const carried = inputs.filter(({ name }) => states.has(name));
  const batches = batchDims(graph);
  return (
    axes.find(({ dim }) => given.some(({ name }) => batches.get(name) === dim)) ??
    (carried.length > 0 ? axes.find(({ dim }) => carried.every(has(dim))) : undefined) ??
    axes[0]
  );
}

/** The dimension of each input along which its sequences lie side by side, where that is known. */
function batchDims(graph: Graph): Map<string, Dim | undefined> {
  const axes = batchAxes(graph);
  return new Map(
    graph.inputs.map(({ name, type }) => {
      const axis = axes.get(name);
      return [name, typeof axis === 'number' ? type.shape?.[axis] : undefined];
    }),
  );
}

function partOf(graph: Graph, window: Tensors, dim: string, indices: readonly number[]): Tensors {
  const shapes = new Map(graph.inputs.map(({ name, type }) => [name, type.shape]));
  return Object.fromEntries(
    Object.entries(window).map(([name, tensor]): [string, Tensor] => {
      const shape = shapes.get(name) ?? [];
      if (!shape.includes(dim)) return [name, tensor];
      return [
        name,
        sliceTensor(
          tensor,
          tensor.dims.map((_, axis) => (shape[axis] === dim ? indices : undefined)),
        ),
      ];
    }),
  );
}
