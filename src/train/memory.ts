import { SlimError } from '../base/errors.ts';
import { sizeOf } from '../graph/dims.ts';
import { laidOut, SparseTensor } from '../graph/sparseTensor.ts';
import type { Tensor } from '../graph/types.ts';
import { type DecayedMatrix, instantiateKernels, type Kernels, type Squares } from '../kernels/kernels.ts';
import { Arena, type Buffer8, type Buffer32, bytesFor } from '../kernels/memory.ts';
import type { Matrix, SparsityMethod, WeightPasses } from '../methods/method.ts';
import type { OptimizedParameter, Optimizer } from '../optimizers/optimizer.ts';
import type { FedParameter } from '../passes/parametersAsInputs.ts';
import type { TrainingGraph } from './compile.ts';
import { type LookupTable, wholeTable } from './lookupTable.ts';
import { RowTable } from './rowTable.ts';
import { SparseTable } from './sparseTable.ts';

/*
 * All weights in training: one WebAssembly memory with parameters, then their gradients side by side, then what the
 * optimizer and the sparsity method keep of them. Graphs of all batch shapes read and write it; kernels update it.
 */

/** A parameter as a matrix: the last axis of the feed is the columns, all before it the rows. */
interface MatrixShape extends FedParameter {
  /** Dimensions in the model. */
  readonly stored: readonly number[];
  /** Of a table of which only connections are stored: one row of them. */
  readonly rows: number;
  readonly cols: number;
  readonly sparse?: SparseTensor | undefined;
}

/** A parameter in the arena. */
export interface Parameter extends MatrixShape, OptimizedParameter {
  /** Set for what the sparsity method acts on; the others are only stepped. */
  readonly penalized: PenalizedMatrix | undefined;
  /** Whether graphs write its gradient at every step; else only looked-up rows add to it. */
  readonly isWritten: boolean;
  /** Set for a table of which only connections are stored: its buffers have a number for each. */
  readonly connections?: SparseTable | undefined;
}

/** A matrix that a sparsity method acts on: as the method sees it, and as operands of the kernels. */
interface PenalizedMatrix {
  readonly matrix: Matrix;
  readonly mask: Buffer8 | undefined;
  /** The decays are the penalties, and the penalties times the step in the update. */
  readonly operands: DecayedMatrix & Squares;
}

/** Everything that an update changes. */
export interface WeightMemory {
  readonly kernels: Kernels;
  readonly parameters: readonly Parameter[];
  readonly byName: ReadonlyMap<string, Parameter>;
  /** Those of the parameters that the sparsity method acts on. */
  readonly matrices: readonly Matrix[];
  /** Those of the parameters of which only connections are stored. */
  readonly sparse: readonly SparseTable[];
  /** Embeddings that are looked up outside the graph, however they are stored. */
  readonly tables: ReadonlyMap<string, LookupTable>;
  /** Those of the tables that are updated row by row, outside the arena. */
  readonly outside: ReadonlyMap<string, RowTable>;
  /** All gradients as one array, with the gaps between them: what several processes sum. */
  readonly gradients: Float32Array;
}

interface MemoryOptions {
  /** The weights that are trained, in their stored dimensions. */
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly method: SparsityMethod | undefined;
  readonly optimizer: Optimizer;
  /** Keeps every embedding in the arena, as a parameter like any other: for a device that looks words up itself. */
  readonly keepsTables: boolean;
}

/**
 * Allocates the memory of a model in training and copies its weights into it: 8 bytes a parameter for weight and
 * gradient, 4 for each slot of the optimizer, 1 for a mask; 4 for embeddings outside the arena. Throws SlimError for
 * weights that are not there or not float32, and when it does not fit into 4 GiB.
 */
export function layOutWeights(plan: TrainingGraph, options: MemoryOptions): WeightMemory {
  const { method, optimizer } = options;
  const weights = withConnections(plan, options);
  const inGraph = new Set(plan.parameters.map((p) => p.name));
  const whole = wholeTables(plan, inGraph, options);
  // What graphs neither read nor differentiate lies in the arena all the same, for the kernels.
  const beside = [...whole].filter((name) => !inGraph.has(name));
  const shapes = [
    ...plan.parameters.map((p) => matrixShape(p, weights)),
    ...beside.map((name) => matrixShape({ name, dims: weights.get(name)?.dims ?? [] }, weights)),
  ];
  const isPenalized = ({ name, sparse }: MatrixShape) => !sparse && (method?.parameters.has(name) ?? false);
  const masked = method?.usesMask ? shapes.filter(isPenalized) : [];
  const arena = new Arena(
    bytesFor(
      shapes.flatMap((shape) => {
        const { rows, cols } = shape;
        const squaresAndPenalties = isPenalized(shape) ? [rows, cols, rows, cols] : [];
        return [rows * cols, rows * cols, ...squaresAndPenalties, ...optimizer.slots.map(() => rows * cols)];
      }),
      masked.map(({ rows, cols }) => rows * cols),
    ),
  );
  const kernels = instantiateKernels(arena.memory);
  const placed = shapes.map((shape) => arena.float32(shape.rows * shape.cols));
  const gradients = shapes.map((shape) => arena.float32(shape.rows * shape.cols));
  const parameters = shapes.map((shape, i): Parameter => {
    const buffers = { weights: placed[i]!, gradient: gradients[i]! };
    const { data } = buffers.weights;
    data.set(shape.sparse ? (shape.sparse.values as Float32Array) : (weights.get(shape.name)!.data as Float32Array));
    const slots = Object.fromEntries(optimizer.slots.map(({ name }) => [name, arena.float32(data.length)]));
    const mask = masked.includes(shape) ? arena.bytes(data.length) : undefined;
    mask?.data.fill(1);
    const penalized = isPenalized(shape) ? penalizedMatrix(arena, kernels, { ...shape, ...buffers, mask }) : undefined;
    // Only the table stays: the tensor that it was made from would hold its places once more.
    const { sparse, ...sizes } = shape;
    const connections = sparse && new SparseTable(shape.name, sparse, { ...buffers, slots });
    return { ...sizes, ...buffers, slots, penalized, isWritten: inGraph.has(shape.name), connections };
  });
  return {
    kernels,
    parameters,
    byName: new Map(parameters.map((p) => [p.name, p])),
    matrices: parameters.flatMap((p) => (p.penalized ? [p.penalized.matrix] : [])),
    sparse: parameters.flatMap((p) => p.connections ?? []),
    ...tablesOf(plan, parameters, weights),
    gradients: spanning(arena, gradients),
  };
}

function matrixShape({ name, dims }: FedParameter, weights: ReadonlyMap<string, Tensor>): MatrixShape {
  const tensor = weights.get(name);
  if (tensor === undefined) throw new SlimError(`the model has no parameter '${name}'`);
  if (tensor.elementType !== 'float32') {
    throw new SlimError(`parameter '${name}' is ${tensor.elementType}; only float32 can be trained`);
  }
  if (tensor instanceof SparseTensor) {
    return { name, dims, stored: tensor.dims, rows: 1, cols: tensor.count, sparse: tensor };
  }
  return { name, dims, stored: tensor.dims, rows: sizeOf(dims.slice(0, -1)), cols: dims[dims.length - 1] ?? 1 };
}

/** The weights, sparse where connections of a table are stored, and only there. */
function withConnections(plan: TrainingGraph, { weights, method }: MemoryOptions): Map<string, Tensor> {
  const inGraph = new Set(plan.parameters.map((p) => p.name));
  const looked = new Set(plan.lookups.map((l) => l.table).filter((name) => !inGraph.has(name)));
  return new Map(
    [...weights].map(([name, tensor]): [string, Tensor] => {
      if (looked.has(name) && method?.connect && method.parameters.has(name)) {
        return [name, tensor instanceof SparseTensor ? tensor : method.connect(name, tensor)];
      }
      return [name, laidOut(tensor)];
    }),
  );
}

/** How the tables that are looked up are stored. */
function tablesOf(
  { lookups }: TrainingGraph,
  parameters: readonly Parameter[],
  weights: ReadonlyMap<string, Tensor>,
): Pick<WeightMemory, 'tables' | 'outside'> {
  const byName = new Map(parameters.map((p) => [p.name, p]));
  const outside = new Map<string, RowTable>();
  const tables = new Map<string, LookupTable>();
  for (const { table: name } of lookups) {
    const parameter = byName.get(name);
    if (parameter === undefined) {
      const table = new RowTable(name, weights.get(name)!);
      outside.set(name, table);
      tables.set(name, table);
    } else {
      const { connections, gradient, cols } = parameter;
      tables.set(name, connections ?? wholeTable(parameter.weights.data, gradient.data, cols));
    }
  }
  return { tables, outside };
}

/** Tables that need gradients for all rows: used elsewhere too, or moved where there is no gradient. */
function wholeTables(
  plan: TrainingGraph,
  inGraph: ReadonlySet<string>,
  { method, optimizer, keepsTables }: MemoryOptions,
): Set<string> {
  const looked = plan.lookups.map((l) => l.table);
  const needsAll = keepsTables || optimizer.direction !== undefined || optimizer.slots.length > 0;
  return new Set(
    looked.filter((t, i) => needsAll || inGraph.has(t) || method?.parameters.has(t) || looked.indexOf(t) !== i),
  );
}

/** The matrix that a sparsity method sees of weights in the arena, its squares those of the weights as they are. */
function penalizedMatrix(
  arena: Arena,
  kernels: Kernels,
  placed: MatrixShape & Pick<Parameter, 'weights' | 'gradient'> & Pick<PenalizedMatrix, 'mask'>,
): PenalizedMatrix {
  const { name, stored: dims, rows, cols, weights, gradient, mask } = placed;
  const [rowPenalty, colPenalty] = [arena.float32(rows), arena.float32(cols)];
  const [rowSquares, colSquares] = [arena.float32(rows), arena.float32(cols)];
  const operands = {
    weights: weights.offset,
    gradient: gradient.offset,
    rows,
    cols,
    rowDecay: rowPenalty.offset,
    colDecay: colPenalty.offset,
    rowSquares: rowSquares.offset,
    colSquares: colSquares.offset,
  };
  const size = rows * cols;
  const cut = (threshold: number) => {
    rowPenalty.data.fill(0);
    colPenalty.data.fill(0);
    kernels.update({ ...operands, step: 0, threshold });
  };
  const passes: WeightPasses = {
    addSign: (strength) => kernels.addSign(weights.offset, gradient.offset, size, strength),
    maskGradient: () => kernels.maskGradient(weights.offset, gradient.offset, size),
    scale: () => kernels.scale({ ...operands, rowFactor: operands.rowDecay, colFactor: operands.colDecay }),
    cut,
    // An update that changes nothing sums the squares in the very order in which updates leave them, to the last bit: a
    // run that goes on from a checkpoint must not differ from one that was never stopped.
    refresh: () => cut(0),
  };
  passes.refresh();
  const penalties = { rowPenalty: rowPenalty.data, colPenalty: colPenalty.data };
  const squares = { rowSquares: rowSquares.data, colSquares: colSquares.data };
  const values = { weights: weights.data, gradient: gradient.data };
  const matrix = { name, dims, rows, cols, ...values, ...squares, ...penalties, mask: mask?.data, passes };
  return { matrix, mask, operands };
}

/** One array over neighbouring buffers. */
function spanning(arena: Arena, buffers: readonly Buffer32[]): Float32Array {
  const [first, last] = [buffers[0], buffers.at(-1)];
  if (first === undefined || last === undefined) return new Float32Array(0);
  const length = (last.offset - first.offset) / 4 + last.data.length;
  return new Float32Array(arena.memory.buffer, first.offset, length);
}
