import type { Kernels } from '../kernels/kernels.ts';
import type { Arena, Buffer8, Buffer32 } from '../kernels/memory.ts';
import type { Matrix, WeightPasses } from '../methods/method.ts';

/** A matrix that a sparsity method acts on: as the method sees it, and as operands of the kernels. */
export interface PenalizedMatrix {
  readonly matrix: Matrix;
  readonly mask: Buffer8 | undefined;
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

/** What is known of the matrix. */
export interface PlacedMatrix {
  readonly name: string;
  /** Dimensions in the model. */
  readonly stored: readonly number[];
  readonly rows: number;
  readonly cols: number;
  readonly weights: Buffer32;
  readonly gradient: Buffer32;
  readonly mask: Buffer8 | undefined;
}

/** The matrix that a sparsity method sees of weights in the arena, its squares those of the weights as they are. */
export function penalizedMatrix(arena: Arena, kernels: Kernels, placed: PlacedMatrix): PenalizedMatrix {
  const { name, stored, rows, cols, weights, gradient, mask } = placed;
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
  const matrix = {
    name,
    dims: stored,
    rows,
    cols,
    weights: weights.data,
    rowSquares: rowSquares.data,
    colSquares: colSquares.data,
    rowPenalty: rowPenalty.data,
    colPenalty: colPenalty.data,
    mask: mask?.data,
    passes,
  };
  return { matrix, mask, operands };
}
