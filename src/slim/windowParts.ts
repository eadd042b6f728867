import { isFloat } from '../graph/elementTypes.ts';
import { knownTypes } from '../graph/infer/infer.ts';
import { isLoop } from '../graph/operators.ts';
import { usedNames } from '../graph/rewrite.ts';
import { stateSlots } from '../graph/slots.ts';
import type { StatePair } from '../graph/states.ts';
import { concatTensors, sliceTensor } from '../graph/tensors.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import { range } from '../groups/tracing/traced.ts';
import { inlineSingleSteps } from '../passes/unrollLoops.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { batchAxes } from './batchAxes.ts';

/**
 * Where parts of one size begin that cover a whole of `length`: evenly spaced, so that neighbours may overlap. No part is
 * longer than `size`, and there are no more of them than it takes.
 */
export function evenStarts(length: number, size: number): number[] {
  const count = Math.ceil(length / size);
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - size)) / Math.max(1, count - 1)));
}

/**
 * Windows cut along the batch into at most `count` parts of one size, each with all its windows; whole where an input's
 * batch is not known or fixed. Parts may overlap.
 */
export function batchParts(graph: Graph, windows: readonly Tensors[], count: number): (readonly Tensors[])[] {
  const axes = freeBatchAxes(graph);
  if (axes === undefined) return [windows];
  const sizes = windows.flatMap((window) =>
    Object.entries(window).flatMap(([name, { dims }]) => dims[axes.get(name) ?? -1] ?? []),
  );
  const [size = 1] = sizes;
  if (sizes.some((other) => other !== size)) return [windows];
  const each = Math.ceil(size / Math.min(count, size));
  const partOf = (tensor: Tensor, axis: number | undefined, start: number): Tensor => {
    if (axis === undefined || each === size) return tensor;
    return sliceTensor(
      tensor,
      tensor.dims.map((_, i) => (i === axis ? range(start, each) : undefined)),
    );
  };
  return evenStarts(size, each).map((start) =>
    windows.map((window) => mapNamed(window, (tensor, name) => partOf(tensor, axes.get(name), start))),
  );
}

/** The batch axis of each input that has one; undefined where one is not known, or its size is no free dimension. */
function freeBatchAxes(graph: Graph): Map<string, number> | undefined {
  const axes = batchAxes(graph);
  const found = new Map<string, number>();
  for (const { name, type } of graph.inputs) {
    const axis = axes.get(name);
    if (axis === 'none') continue;
    if (typeof axis !== 'number' || typeof type.shape?.[axis] !== 'string') return undefined;
    found.set(name, axis);
  }
  return found;
}

/** Windows as one whose tensors have a new first axis that counts them. */
export function stackedWindows(windows: readonly Tensors[]): Tensors {
  return mapNamed(windows[0]!, (first, name) => {
    const rows = windows.map((window): Tensor => ({ ...window[name]!, dims: [1, ...first.dims] }));
    return concatTensors(rows as [Tensor, ...Tensor[]], 0);
  });
}

function mapNamed(tensors: Tensors, change: (tensor: Tensor, name: string) => Tensor): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor, name)]));
}

/**
 * True for a graph, its recurrent operators lowered and its sizes bound, that takes one step of its streaming states:
 * no loop starts from them.
 */
export function takesOneStep(graph: Graph, states: readonly StatePair[]): boolean {
  const flat = inlineSingleSteps(graph);
  const types = knownTypes(flat);
  const fromStates = new Set(states.map((s) => s.input));
  for (const node of flat.nodes) {
    const carried = isLoop(node) ? (stateSlots(node)?.inputs ?? node.inputs.keys()) : [];
    if ([...carried].some((i) => fromStates.has(node.inputs[i]!))) return false;
    if (!usedNames(node).some((name) => fromStates.has(name))) continue;
    for (const name of node.outputs) if (isFloat(types.type(name)?.elementType ?? 'float32')) fromStates.add(name);
  }
  return true;
}
