import { SlimError } from '../base/errors.ts';
import { sizeOf } from '../graph/dims.ts';
import type { Graph } from '../graph/types.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Arena, Buffer32 } from '../kernels/memory.ts';
import type { Matrix, WeightPasses } from '../methods/method.ts';
import type { ParameterInput } from './trainingGraph.ts';

/*
 * Where the parameters lie in the arena: each is fed to the graph from there, and updated there by the kernels.
 */

/** A parameter as a matrix: the last axis of the feed is the columns, all before it the rows. */
export interface ParameterShape extends ParameterInput {
  /** The values that training begins with, in the dimensions that they have in the model. */
  readonly stored: { readonly dims: readonly number[]; readonly data: Float32Array };
  readonly rows: number;
  readonly cols: number;
}

/** A parameter in the arena. */
export interface Parameter {
  readonly name: string;
  /** Dimensions in the model. */
  readonly stored: readonly number[];
  readonly weights: Buffer32;
  readonly gradient: Buffer32;
  /** Set for what the sparsity method acts on; the others are only stepped. */
  readonly penalized: PenalizedMatrix | undefined;
}

/** A matrix that a sparsity method acts on: as the method sees it, and as operands of the kernels. */
export interface PenalizedMatrix {
  readonly matrix: Matrix;
  /** Byte offsets in the arena; the decays are the penalties, and the penalties times the step in the update. */
  readonly operands: {
    readonly weights: number;
    readonly gradient: number;
    readonly rows: number;
    readonly cols: number;
    readonly rowDecay: number;
    readonly colDecay: number;
    readonly rowSquares: number;
    readonly colSquares: number;
  };
}

/** Shape of a model's parameter. Throws a SlimError when the model does not have it, or not in float32. */
export function parameterShape({ name, dims }: ParameterInput, graph: Pick<Graph, 'initializers'>): ParameterShape {
  const tensor = graph.initializers.get(name);
  if (tensor === undefined) throw new SlimError(`the model has no parameter '${name}'`);
  if (!(tensor.data instanceof Float32Array)) {
    throw new SlimError(`parameter '${name}' is ${tensor.elementType}; only float32 models can be trained`);
  }
  const stored = { dims: tensor.dims, data: tensor.data };
  return { name, dims, stored, rows: sizeOf(dims.slice(0, -1)), cols: dims[dims.length - 1] ?? 1 };
}

/** Lengths of all buffers that a parameter may take in the arena. */
export function parameterLengths({ rows, cols }: ParameterShape): number[] {
  return [rows * cols, rows * cols, rows, cols, rows, cols];
}

/** The matrix that a sparsity method sees of weights in the arena, its squares those of the weights as they are. */
export function penalizedMatrix(
  arena: Arena,
  kernels: Kernels,
  { name, stored, rows, cols }: ParameterShape,
  weights: Buffer32,
  gradient: Buffer32,
): PenalizedMatrix {
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
  // An update that changes nothing sums the squares in the very order in which updates leave them, to the last bit:
  // a run that goes on from a checkpoint must not differ from one that was never stopped.
  kernels.update({ ...operands, step: 0, threshold: 0 });
  const size = rows * cols;
  const passes: WeightPasses = {
    addSign: (strength) => kernels.addSign(weights.offset, gradient.offset, size, strength),
    maskGradient: () => kernels.maskGradient(weights.offset, gradient.offset, size),
    scale: () => {
      kernels.scale({ ...operands, rowFactor: operands.rowDecay, colFactor: operands.colDecay });
    },
    cut: (threshold) => {
      rowPenalty.data.fill(0);
      colPenalty.data.fill(0);
      kernels.update({ ...operands, step: 0, threshold });
    },
    refresh: () => passes.cut(0),
  };
  const matrix = {
    name,
    dims: stored.dims,
    rows,
    cols,
    weights: weights.data,
    rowSquares: rowSquares.data,
    colSquares: colSquares.data,
    rowPenalty: rowPenalty.data,
    colPenalty: colPenalty.data,
    passes,
  };
  return { matrix, operands };
}
