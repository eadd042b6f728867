import { withType } from '../../graph/convert.ts';
import { sizeOf } from '../../graph/dims.ts';
import { statesOf } from '../../graph/states.ts';
import { emptyData } from '../../graph/tensors.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import type { Tensors } from '../../runtime/runtime.ts';
import { inOrder, inputFeeds } from './batches.ts';
import { stepGraph } from './bound.ts';
import type { Examples } from './examples.ts';

/** Most steps of sequences on which two forms of a model are compared. */
const MOST_STEPS = 16;

/** Examples, and how many of them are a batch. */
interface SampledExamples {
  readonly examples: Examples;
  readonly size: number;
}

/**
 * One batch of examples in the element types of a model, or its first steps, one after the other; states are left out:
 * they start at zero.
 */
export function sampleFeeds(model: Model, set: SampledExamples): Tensors[] {
  return windowsOf(model, set, inOrder(set.examples.count), MOST_STEPS);
}

/** Batches of examples on which units are measured. */
const CALIBRATED = 16;

/** Some batches of examples spread over all of them, each as consecutive windows from zero states, with all their steps. */
export function calibrationRuns(model: Model, set: SampledExamples): Tensors[][] {
  const { count } = set.examples;
  const runs = Math.min(CALIBRATED, Math.ceil(count / batchOf(set)));
  return Array.from({ length: runs }, (_, run) => {
    const first = Math.floor((run * count) / runs);
    return windowsOf(model, set, inOrder(count).subarray(first), Number.POSITIVE_INFINITY);
  });
}

/** Examples side by side. */
function batchOf({ examples, size }: SampledExamples): number {
  return examples.sequences?.isAlone ? 1 : size;
}

/** The first of the chosen examples that make a batch, step by step where they are sequences. */
function windowsOf(model: Model, set: SampledExamples, chosen: Uint32Array, mostSteps: number): Tensors[] {
  const { examples } = set;
  const { sequences } = examples;
  const batch = batchOf(set);
  const made = inputFeeds(examples, batch);
  const whole = { ...made.feeds(), ...zerosFor(model, examples, batch) };
  made.fill(chosen.subarray(0, batch), whole);
  const states = new Set([...statesOf(model), ...(sequences?.states ?? [])].map((s) => s.input));
  const types = new Map(model.graph.inputs.map((v) => [v.name, v.type.elementType]));
  const own = Object.entries(whole).filter(([name]) => types.has(name) && !states.has(name));
  const fed = own.map(([name, t]): [string, Tensor] => [name, withType(t, types.get(name)!, `input '${name}'`)]);
  if (sequences === undefined) return [Object.fromEntries(fed)];
  return Array.from({ length: Math.min(sequences.steps, mostSteps) }, (_, step) =>
    Object.fromEntries(fed.map(([name, tensor]) => [name, stepOf(examples, name, tensor, step)])),
  );
}

/** What an input takes at a step, of a batch of sequences [T, …]. */
function stepOf({ sequences, zeros }: Examples, name: string, tensor: Tensor, step: number): Tensor {
  if (zeros.some((v) => v.name === name)) return tensor;
  const { scanned, isAlone } = sequences!;
  const isScanned = scanned.has(name);
  const dims = tensor.dims.slice((isScanned ? 1 : 0) + (isAlone ? 1 : 0));
  if (!isScanned) return { ...tensor, dims };
  const size = tensor.data.length / tensor.dims[0]!;
  return { ...tensor, dims, data: tensor.data.slice(step * size, (step + 1) * size) } as Tensor;
}

/** Inputs that are fed zeros, in the sizes that they have in a model as it is now. */
function zerosFor(model: Model, examples: Examples, batch: number): Tensors {
  const { inputs } = stepGraph(model, examples, batch);
  return Object.fromEntries(
    examples.zeros.map(({ name }) => {
      const { elementType, shape } = inputs.find((v) => v.name === name)!.type;
      const dims = (shape ?? []).map(Number);
      return [name, { elementType, dims, data: emptyData(elementType, sizeOf(dims)) }];
    }),
  );
}
