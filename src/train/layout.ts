import { SlimError } from '../errors.ts';
import { formatShape, isStatic, sizeOf } from '../graph/dims.ts';
import type { Model, Tensor, ValueInfo } from '../graph/types.ts';
import { instantiateKernels, type Kernels } from '../kernels/kernels.ts';
import { Arena, type Buffer32, bytesFor } from '../kernels/memory.ts';
import type { Matrix, SparsityMethod } from '../sparsity/method.ts';
import { LookupTable } from './lookupTable.ts';
import {
  type Parameter,
  type ParameterShape,
  parameterLengths,
  parameterShape,
  penalizedMatrix,
} from './parameters.ts';
import { LOSS, TARGETS, type TrainingGraph } from './trainingGraph.ts';
import type { TrainedWeights } from './update.ts';

/** All that a training step reads and writes, laid out in one WebAssembly memory but for tables and targets. */
export interface StepMemory {
  readonly trained: TrainedWeights;
  readonly masks: readonly { readonly buffer: Buffer32; readonly keep: number }[];
  /** A state goes in at `input` from `to`, and comes out in `from`: the two must not share memory. */
  readonly states: readonly { readonly input: string; readonly from: Float32Array; readonly to: Float32Array }[];
  /** Where the targets go, [T·B] in the order t·B + b. */
  readonly targets: Int32Array;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly fetches: Readonly<Record<string, Tensor>>;
}

/**
 * Allocates the memory of a training graph and copies the model's weights into it. Throws SlimError when they do not
 * fit.
 */
export function layOut(model: Model, plan: TrainingGraph, sparsity: SparsityMethod | undefined): StepMemory {
  const shapes = plan.parameters.map((p) => parameterShape(p, model.graph));
  const inputDims = fixedDims(plan.graph.inputs);
  const outputDims = fixedDims(plan.graph.outputs);
  const arena = new Arena(
    bytesFor([
      ...shapes.flatMap(parameterLengths),
      ...plan.lookups.flatMap((l) => [sizeOf(inputDims(l.values)), sizeOf(inputDims(l.values))]),
      ...plan.masks.map((m) => sizeOf(m.dims)),
      ...plan.states.flatMap((s) => [sizeOf(inputDims(s.input)), sizeOf(outputDims(s.output))]),
      1,
    ]),
  );
  const kernels = instantiateKernels(arena.memory);
  const feeds: Record<string, Tensor> = {};
  const fetches: Record<string, Tensor> = {};
  const place = (into: Record<string, Tensor>, name: string, dims: readonly number[]) =>
    placeTensor(arena, into, name, dims);
  const gradientOf = (name: string, dims: readonly number[]) => place(fetches, plan.gradients.get(name)!, dims);

  const memory = { arena, kernels, feeds, fetches };
  const { parameters, matrices } = placeParameters(shapes, plan.gradients, sparsity, memory);
  const tables = plan.lookups.map(({ table, values }, i) => {
    const isParameter = plan.parameters.some((p) => p.name === table);
    if (isParameter || plan.lookups.findIndex((l) => l.table === table) !== i) {
      throw new SlimError(`embedding '${table}' is also used elsewhere in the graph, which cannot be trained yet`);
    }
    return {
      table: new LookupTable(table, model.graph.initializers.get(table)!),
      values: place(feeds, values, inputDims(values)),
      gradient: gradientOf(values, inputDims(values)),
    };
  });
  const masks = plan.masks.map((m) => ({ buffer: place(feeds, m.input, m.dims), keep: m.keep }));
  const states = plan.states.map(({ input, output }) => ({
    input,
    to: place(feeds, input, inputDims(input)).data,
    from: place(fetches, output, outputDims(output)).data,
  }));
  place(fetches, LOSS, []);
  const targets = new Int32Array(sizeOf(inputDims(TARGETS)));
  feeds[TARGETS] = { elementType: 'int32', dims: inputDims(TARGETS), data: targets };
  return { trained: { kernels, parameters, matrices, tables }, masks, states, targets, feeds, fetches };
}

/** Memory for a step, and what is fed from it and fetched into it. */
export interface Placement {
  readonly arena: Arena;
  readonly kernels: Kernels;
  readonly feeds: Record<string, Tensor>;
  readonly fetches: Record<string, Tensor>;
}

/** A float32 tensor in the arena, under a name that it is fed or fetched by. */
export function placeTensor(
  arena: Arena,
  into: Record<string, Tensor>,
  name: string,
  dims: readonly number[],
): Buffer32 {
  const buffer = arena.float32(sizeOf(dims));
  into[name] = { elementType: 'float32', dims, data: buffer.data };
  return buffer;
}

/** Copies parameters into the arena, each with room for its gradient, which the graph calls `gradients.get(name)`. */
export function placeParameters(
  shapes: readonly ParameterShape[],
  gradients: ReadonlyMap<string, string>,
  sparsity: SparsityMethod | undefined,
  { arena, kernels, feeds, fetches }: Placement,
): { parameters: Parameter[]; matrices: Matrix[] } {
  const parameters = shapes.map((shape) => {
    const { name, dims, stored } = shape;
    const weights = placeTensor(arena, feeds, name, dims);
    weights.data.set(stored.data);
    const gradient = placeTensor(arena, fetches, gradients.get(name)!, dims);
    const isPenalized = sparsity?.parameters.has(name) ?? false;
    const penalized = isPenalized ? penalizedMatrix(arena, kernels, shape, weights, gradient) : undefined;
    return { name, stored: stored.dims, weights, gradient, penalized };
  });
  return { parameters, matrices: parameters.flatMap((p) => (p.penalized ? [p.penalized.matrix] : [])) };
}

/** Looks dimensions up; throws a SlimError for a value that has free ones. */
function fixedDims(values: readonly ValueInfo[]): (name: string) => readonly number[] {
  const shapes = new Map(values.map((v) => [v.name, v.type.shape]));
  return (name) => {
    const shape = shapes.get(name);
    if (isStatic(shape)) return shape;
    throw new SlimError(
      `'${name}' must have fixed dimensions in training, got ${formatShape(shape)}; ` +
        "name the model's free dimensions 'batch' and 'time'",
    );
  };
}
