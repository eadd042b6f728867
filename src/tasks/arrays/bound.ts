import type { Dim, Graph, Model, ValueInfo } from '../../graph/types.ts';
import { bindDims } from '../../passes/bindDims.ts';
import { inlineBranches } from '../../passes/decideBranches.ts';
import { asFloat32Graph } from '../../passes/float32.ts';
import { lowerRecurrent } from '../../passes/lowerRecurrent.ts';
import { overTime, sideBySide } from '../../passes/overTime.ts';
import { toOwnOpset } from '../../passes/toOwnOpset.ts';
import type { Examples } from './examples.ts';

/** What the dimension of the examples is called while its size is open. */
export const BATCH = '@batch';

/** An imported graph as it is trained: float32, our operators, all sizes bound, that of the examples to `batch`. */
export function boundGraph(model: Model, examples: Examples, batch: number): Graph {
  const { sequences } = examples;
  if (sequences === undefined) return stepGraph(model, examples, batch);
  const step = stepGraph(model, examples, batch);
  return overTime(sequences.isAlone ? sideBySide(step, batch) : step, sequences);
}

/**
 * The graph that sees one batch of examples or, where they are sequences, one step of it: bound, and lowered. A model
 * that takes one example at a time has no batch here.
 */
export function stepGraph(model: Model, examples: Examples, batch: Dim): Graph {
  const graph = asFloat32Graph(toOwnOpset(model));
  const axes = new Map(examples.zeros.map((v) => [v.name, v.batchAxis]));
  const owns = new Map<string, readonly number[]>();
  for (const { name, array, batchAxis } of examples.inputs) {
    const step = examples.sequences?.inputs.get(name) ?? { batchAxis, own: array.dims.slice(1) };
    axes.set(name, step.batchAxis);
    owns.set(name, step.own);
  }
  const sizes: Record<string, Dim> = {};
  for (const { name, type } of graph.inputs) {
    const dim = type.shape?.[axes.get(name) ?? -1];
    if (typeof dim === 'string') sizes[dim] = batch;
  }
  const bound = bindDims(graph, { ...examples.sizes, ...sizes });
  const inputs = bound.inputs.map((info): ValueInfo => {
    if (!axes.has(info.name)) return info;
    const axis = axes.get(info.name);
    const own: readonly Dim[] | undefined =
      owns.get(info.name) ?? (axis === undefined ? info.type.shape : info.type.shape?.toSpliced(axis, 1));
    const shape = axis === undefined ? own : own?.toSpliced(axis, 0, batch);
    return shape ? { ...info, type: { ...info.type, shape } } : info;
  });
  return lowerRecurrent(inlineBranches({ ...bound, inputs }));
}
