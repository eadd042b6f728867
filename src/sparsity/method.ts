/** A weight matrix as a sparsity method sees it before an update; row-major [rows, cols] in the trainer's memory. */
export interface Matrix {
  /** Name of the parameter. */
  readonly name: string;
  /**
   * Dimensions as stored in the model, for example [1, 4H, I]; rows · cols elements in all, cols being the last one.
   */
  readonly dims: readonly number[];
  readonly rows: number;
  readonly cols: number;
  /** Σ_j w[i,j]² of the current weights. */
  readonly rowSquares: Float32Array;
  /** Σ_i w[i,j]² of the current weights. */
  readonly colSquares: Float32Array;
  /** To be filled: the penalty's gradient is w[i,j] · (rowPenalty[i] + colPenalty[j]). */
  readonly rowPenalty: Float32Array;
  readonly colPenalty: Float32Array;
}

/**
 * A way to make weights vanish during training. The trainer calls it around every update and knows nothing else of it;
 * after a shrink it is made anew for the smaller model.
 */
export interface SparsityMethod {
  readonly name: string;
  /** Names of the parameters that it acts on; the others are only stepped. */
  readonly parameters: ReadonlySet<string>;
  /** Weights with |w| below this become 0 after every update. */
  readonly threshold: number;
  /** Fills the matrices' penalties for the coming update and returns the penalty's value, on the scale of the loss. */
  beforeUpdate(matrices: readonly Matrix[]): number;
}
