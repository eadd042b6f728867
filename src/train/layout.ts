import { SlimError } from '../base/errors.ts';
import { formatShape, isStatic, sizeOf } from '../graph/dims.ts';
import type { Model, Tensor, ValueInfo } from '../graph/types.ts';
import { instantiateKernels, type Kernels } from '../kernels/kernels.ts';
import { Arena, type Buffer32, bytesFor } from '../kernels/memory.ts';
import type { Matrix, SparsityMethod } from '../methods/method.ts';
import { LookupTable } from './lookupTable.ts';
import {
  type Parameter,
  type ParameterShape,
  parameterLengths,
  parameterShape,
  penalizedMatrix,
} from './parameters.ts';
import { LOSS, TARGETS, type TrainingGraph } from './trainingGraph.ts';
import type { LookedUp, SharedTable, TrainedWeights } from './update.ts';

/** All that a training step reads and writes, laid out in one WebAssembly memory but for tables and targets. */
export interface StepMemory {
  readonly trained: TrainedWeights;
  readonly masks: readonly { readonly buffer: Buffer32; readonly keep: number }[];
  /** A state goes in at `input` from `to`, and comes out in `from`: the two must not share memory. */
  readonly states: readonly { readonly input: string; readonly from: Float32Array; readonly to: Float32Array }[];
  /** Where the targets go, [T·B] in the order t·B + b. */
  readonly targets: Int32Array;
  /** Where the words go, alike, in a graph that reads them besides looking them up. */
  readonly tokens: Int32Array | undefined;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly fetches: Readonly<Record<string, Tensor>>;
}

/**
 * Allocates the memory of a training graph and copies the model's weights into it. Throws SlimError when they do not
 * fit.
 */
export function layOut(model: Model, plan: TrainingGraph, sparsity: SparsityMethod | undefined): StepMemory {
  const inGraph = new Set(plan.parameters.map((p) => p.name));
  const isShared = sharedTables(plan, inGraph, sparsity);
  const beside = [...isShared].filter((name) => !inGraph.has(name));
  const shapes = plan.parameters.map((p) => parameterShape(p, model.graph));
  const besideShapes = beside.map((name) =>
    parameterShape({ name, dims: model.graph.initializers.get(name)?.dims ?? [] }, model.graph),
  );
  const inputDims = fixedDims(plan.graph.inputs);
  const outputDims = fixedDims(plan.graph.outputs);
  const arena = new Arena(
    bytesFor([
      ...[...shapes, ...besideShapes].flatMap(parameterLengths),
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
  const placed = placeParameters(shapes, plan.gradients, sparsity, memory);
  // What the graph neither reads nor differentiates lies in the arena all the same, for the kernels.
  const placedBeside = placeParameters(besideShapes, new Map(), sparsity, { ...memory, feeds: {}, fetches: {} });
  const parameters = [...placed.parameters, ...placedBeside.parameters];
  const matrices = [...placed.matrices, ...placedBeside.matrices];
  const tables: LookedUp[] = [];
  const shared: SharedTable[] = [];
  for (const { table, values: name } of plan.lookups) {
    const dims = inputDims(name);
    const rows = { values: place(feeds, name, dims), gradient: gradientOf(name, dims) };
    const parameter = isShared.has(table) ? parameters.find((p) => p.name === table) : undefined;
    if (parameter) shared.push({ parameter, isWritten: inGraph.has(table), ...rows });
    else tables.push({ table: new LookupTable(table, model.graph.initializers.get(table)!), ...rows });
  }
  const masks = plan.masks.map((m) => ({ buffer: place(feeds, m.input, m.dims), keep: m.keep }));
  const states = plan.states.map(({ input, output }) => ({
    input,
    to: place(feeds, input, inputDims(input)).data,
    from: place(fetches, output, outputDims(output)).data,
  }));
  place(fetches, LOSS, []);
  const targets = new Int32Array(sizeOf(inputDims(TARGETS)));
  feeds[TARGETS] = { elementType: 'int32', dims: inputDims(TARGETS), data: targets };
  const tokens = feedTokens(plan, feeds, inputDims);
  return { trained: { kernels, parameters, matrices, tables, shared }, masks, states, targets, tokens, feeds, fetches };
}

/** Tables that need a gradient for all their rows: tied to another use, pressed by the method, or looked up twice. */
function sharedTables(plan: TrainingGraph, inGraph: ReadonlySet<string>, sparsity?: SparsityMethod): Set<string> {
  const looked = plan.lookups.map((l) => l.table);
  return new Set(looked.filter((t, i) => inGraph.has(t) || sparsity?.parameters.has(t) || looked.indexOf(t) !== i));
}

/** Room for the words as an input of the graph, where it reads them besides the lookups that are cut out of it. */
function feedTokens(
  plan: TrainingGraph,
  feeds: Record<string, Tensor>,
  dimsOf: (name: string) => readonly number[],
): Int32Array | undefined {
  const [name] = plan.lookups.map((l) => l.indices);
  if (name === undefined || !plan.graph.inputs.some((v) => v.name === name)) return undefined;
  const dims = dimsOf(name);
  const data = new Int32Array(sizeOf(dims));
  feeds[name] = { elementType: 'int32', dims, data };
  return data;
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

/**
 * Copies parameters into the arena, each with room for its gradient, which the graph calls `gradients.get(name)`, if it
 * has it.
 */
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
    const fetched = gradients.get(name);
    const gradient = fetched ? placeTensor(arena, fetches, fetched, dims) : arena.float32(sizeOf(dims));
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
