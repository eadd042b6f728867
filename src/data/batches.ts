/**
 * Batching for language models with a carried state (Zaremba et al. 2014, TensorFlow tutorial).
 * The stream is cut into B contiguous rows of L = ⌊length / B⌋ tokens; window i covers columns iT to iT+T of every row,
 * so row b of one window goes on where row b of the window before stopped. B batch, T time.
 */
import { SlimError, UsageError } from '../base/errors.ts';

/** Windows over a stream of ids, read one at a time with `fillWindow`. */
export interface Batches {
  /** B, the number of rows. */
  readonly batchSize: number;
  /** T, the time steps of a full window. */
  readonly steps: number;
  readonly windows: number;
  /** Targets in all windows together: what the summed cross entropy is divided by. */
  readonly tokens: number;
  /**
   * Writes window `index` time-major, `[T, B]` with element t·B+b, into arrays of at least T·B elements.
   * The target of an input is the token after it in its row. Returns the window's time steps, T but for a kept tail;
   * the arrays beyond steps·B keep what they held. Throws a SlimError for a bad index or a short array.
   */
  readonly fillWindow: (index: number, inputs: Int32Array, targets: Int32Array) => number;
}

/** How to cut a stream into windows. */
export interface BatchOptions {
  /** Keep the last window even if it is shorter than T, so that every row is scored to its end. Default: false. */
  readonly keepTail?: boolean;
  /**
   * Begin later in every row, by this share (0 to 1, 1 excluded) of the tokens to spare, so that a text is cut elsewhere
   * for each share. There are as many windows for all shares, and T−1 tokens to spare where rows are long enough. Not
   * together with `keepTail`. Default: windows begin where rows do, and there are as many as fit.
   */
  readonly shift?: number | undefined;
  /** Which text this is, for error messages. Default: `text`. */
  readonly label?: string;
}

/**
 * Cuts a stream of ids into windows of `[steps, batchSize]`: ⌊(L-1) / steps⌋ of them, one shorter window more with
 * `keepTail`, ⌊L / steps⌋ − 1 (but at least one) with `shift`. The last length mod B tokens are not used, and the
 * first token of a row is no target.
 * Throws a UsageError when the text is too short for one window.
 */
export function batchWindows(ids: Int32Array, batchSize: number, steps: number, options: BatchOptions = {}): Batches {
  const { keepTail = false, shift, label = 'text' } = options;
  checkCount('--batch', batchSize);
  checkCount('--steps', steps);
  const shortest = keepTail ? 1 : steps;
  const needed = batchSize * (shortest + 1);
  if (ids.length < needed) {
    const lower = keepTail ? '--batch' : '--batch or --steps';
    throw new UsageError(
      `the ${label} has ${ids.length} tokens, but one window of --batch ${batchSize} and --steps ${steps} needs ` +
        `${batchSize} × (${shortest} + 1) = ${needed}: lower ${lower}, or use more text`,
    );
  }
  const rowLength = Math.floor(ids.length / batchSize);
  const windows = windowsIn(rowLength, steps, options);
  const targetsPerRow = keepTail ? rowLength - 1 : windows * steps;
  const skipped = Math.floor((shift ?? 0) * (rowLength - targetsPerRow));

  const fillWindow = (index: number, inputs: Int32Array, targets: Int32Array): number => {
    if (!Number.isInteger(index) || index < 0 || index >= windows) {
      throw new SlimError(`window ${index} does not exist: expected 0 to ${windows - 1}`);
    }
    const start = index * steps;
    const length = Math.min(steps, targetsPerRow - start);
    const size = length * batchSize;
    if (inputs.length < size || targets.length < size) {
      throw new SlimError(
        `window ${index} is [${length}, ${batchSize}] and needs arrays of ${size} elements, ` +
          `got ${inputs.length} for the inputs and ${targets.length} for the targets`,
      );
    }
    for (let row = 0; row < batchSize; row++) {
      const first = row * rowLength + skipped + start;
      for (let step = 0; step < length; step++) {
        inputs[step * batchSize + row] = ids[first + step]!;
        targets[step * batchSize + row] = ids[first + step + 1]!;
      }
    }
    return length;
  };
  return { batchSize, steps, windows, tokens: targetsPerRow * batchSize, fillWindow };
}

function windowsIn(rowLength: number, steps: number, { keepTail = false, shift }: BatchOptions): number {
  if (keepTail) return Math.ceil((rowLength - 1) / steps);
  if (shift !== undefined) return Math.max(1, Math.floor(rowLength / steps) - 1);
  return Math.floor((rowLength - 1) / steps);
}

function checkCount(flag: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`${flag} must be a positive integer, got ${value}`);
}
