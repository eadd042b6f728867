import type { Value } from '../graph/builder.ts';
import type { SparseRows, SparseTensor } from '../graph/sparseTensor.ts';
import type { Tensor } from '../graph/types.ts';

/** A weight matrix as a sparsity method sees it around an update; row-major [rows, cols] in the trainer's memory. */
export interface Matrix {
  /** Name of the parameter. */
  readonly name: string;
  /** Dimensions as stored in the model, such as [1, 4H, I]; cols is the last one, rows the product of the others. */
  readonly dims: readonly number[];
  readonly rows: number;
  readonly cols: number;
  /** w [rows · cols]: the current weights, to be changed by the passes only. */
  readonly weights: Float32Array;
  /** The loss's gradient before its scale [rows · cols]; `beforeMask` sees it as a whole. */
  readonly gradient: Float32Array;
  /** Σ_j w[i,j]² of the current weights. */
  readonly rowSquares: Float32Array;
  /** Σ_i w[i,j]² of the current weights. */
  readonly colSquares: Float32Array;
  /** Before an update: the penalty's gradient is w[i,j] · (rowPenalty[i] + colPenalty[j]). After it: free for `scale`. */
  readonly rowPenalty: Float32Array;
  readonly colPenalty: Float32Array;
  /**
   * 1 for every connection that exists, 0 for one that does not [rows · cols]: only with `usesMask`. A connection may
   * have the weight 0; where there is none the weight is 0 and stays so. All ones at first.
   */
  readonly mask?: Uint8Array | undefined;
  readonly passes: WeightPasses;
}

/** What a method can do to a matrix in one trip through memory; the squares are kept up to date. */
export interface WeightPasses {
  /** g ← g + strength · sign(w), where g is the loss's gradient before its scale; returns Σ|w|. */
  addSign(strength: number): number;
  /** g ← 0 where w = 0: a weight that is zero stays zero. */
  maskGradient(): void;
  /** w[i,j] ← w[i,j] · rowPenalty[i] · colPenalty[j]; after an update only. */
  scale(): void;
  /** w ← 0 where |w| < threshold; after an update only, and clears the penalties. */
  cut(threshold: number): void;
  /** Sums the squares anew after weights were set by hand. */
  refresh(): void;
}

/** A table [words, size] of which only the connections that exist are stored, row by row. */
export interface ConnectionTable extends SparseRows {
  readonly name: string;
  readonly dims: readonly number[];
  /** The weight of each connection. */
  readonly weights: Float32Array;
  /**
   * Takes the connections with a 1 in `gone` away and makes new ones at `places`, flat and ascending, with these weights;
   * no more than go. Returns their numbers among the connections that there are then, for `reset`.
   */
  replace(gone: Uint8Array, places: Uint32Array, weights: Float32Array): number[];
}

/** Rows of an embedding that a batch looked up, and their gradient [indices.length · size]. */
export interface LookedUpRows {
  readonly table: string;
  readonly indices: Int32Array;
  readonly gradient: Float32Array;
}

/** The gradient of an update before the mask hides what belongs to no connection. */
export interface WholeGradient {
  readonly update: number;
  /** That of embeddings that are not among the matrices, by the rows that were looked up. */
  readonly rows: readonly LookedUpRows[];
}

/** An update that is about to happen. */
export interface UpdateMoment {
  /** Number of the update, from 0. */
  readonly update: number;
  /** The loss's gradient in memory times this is the gradient on the scale of the loss. */
  readonly gradientScale: number;
}

/** An update that has happened. */
export interface UpdateDone extends Resetting {
  readonly update: number;
  /** Learning rate times the factor of clipping: how far the weights went along the gradient. */
  readonly step: number;
  /** Tables whose connections can move (`connect`). */
  readonly tables: readonly ConnectionTable[];
}

/** A moment at which connections may move. */
interface Resetting {
  /** Resets what the optimizer remembers of single weights of a matrix, or connections of a table. */
  reset(of: Pick<Matrix | ConnectionTable, 'name'>, places: Iterable<number>): void;
}

/** An epoch that has ended. */
export interface EpochDone extends Resetting {
  /** Number of the epoch, from 0, and how many there are. */
  readonly epoch: number;
  readonly epochs: number;
  /** Updates so far. */
  readonly updates: number;
}

/**
 * What a method carries from update to update besides the weights, by name; it goes into checkpoints. A list has one
 * number for each component, and loses those of components that leave.
 */
export type MethodState = Readonly<Record<string, number | readonly number[]>>;

/**
 * A way to make weights vanish during training. The trainer calls it around every update and knows nothing else of it;
 * after a shrink it is made anew for the smaller model, with the state of the one before.
 */
export interface SparsityMethod {
  readonly name: string;
  /** Keeps a mask of the connections of its parameters: it is applied to gradients and weights, saved, and shrunk. */
  readonly usesMask?: boolean | undefined;
  /** Whether a finished model stores the connections of masked matrices and tables alone, where these are few. */
  readonly savesSparse?: boolean | undefined;
  /** Weights that are 0 stay so, also where an optimizer would move them by what it remembers. */
  readonly keepsZeros?: boolean | undefined;
  /** Names of the parameters that it acts on; the others are only stepped. */
  readonly parameters: ReadonlySet<string>;
  /** Weights with |w| below this become 0 after every update. */
  readonly threshold: number;
  /** Before the first update of a run: chooses the connections that exist, and may set weights. */
  begin?(matrices: readonly Matrix[]): void;
  /**
   * The connections that a table of its parameters begins with. Where this is defined, only connections are stored of a
   * table that is only looked up, all through the training; it is then no matrix.
   */
  connect?(name: string, table: Tensor): SparseTensor;
  /** Sees the gradient of the coming update at places without a connection, too. */
  beforeMask?(matrices: readonly Matrix[], gradient: WholeGradient): void;
  /** Fills the matrices' penalties for the coming update and returns the penalty's value, on the scale of the loss. */
  beforeUpdate(matrices: readonly Matrix[], moment: UpdateMoment): number;
  /** Acts on the updated weights; may move connections. */
  afterUpdate?(matrices: readonly Matrix[], done: UpdateDone): void;
  /** After an epoch: may move connections. */
  afterEpoch?(matrices: readonly Matrix[], done: EpochDone): void;
  /** Whether the weights after an epoch are what was asked for; left out where they may be what they are. */
  isReached?(matrices: readonly Matrix[], done: Pick<EpochDone, 'updates'>): boolean;
  /**
   * Shares of the weights that exist, by parameter: one for each gate whose rows lie in it, one in all for other tensors.
   */
  densities?(matrices: readonly Matrix[], tables: readonly ConnectionTable[]): Readonly<Record<string, number[]>>;
  /** What must go into a checkpoint; a method is made with it to go on. */
  state?(): MethodState;
  /** The same as nodes of a graph, for weights that stay on a device; absent where there is no such form. */
  readonly nodes?: MethodNodes | undefined;
}

/** A matrix in the graph of an update; what it shares with `Matrix` has the same meaning. */
export interface NodeMatrix extends Pick<Matrix, 'name' | 'dims' | 'rows' | 'cols'> {
  /** [rows, cols] */
  readonly weights: Value;
}

/** What a method does around an update, as nodes. */
export interface MethodNodes {
  /** The penalty's value, a scalar, and its gradient [rows, cols] by matrix, both on the scale of the loss. */
  penalty(matrices: readonly NodeMatrix[]): { value: Value; gradients: ReadonlyMap<string, Value> };
  /** The updated weights as the method changes them; `step` is that of `UpdateDone`. */
  afterUpdate?(matrices: readonly NodeMatrix[], step: Value): ReadonlyMap<string, Value>;
}

/** Says for the coming update that there is no penalty, and returns its value. */
export function noPenalty(matrices: readonly Matrix[]): 0 {
  for (const { rowPenalty, colPenalty } of matrices) {
    rowPenalty.fill(0);
    colPenalty.fill(0);
  }
  return 0;
}
