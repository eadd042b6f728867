/** A dense float32 matrix, row by row. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array<ArrayBuffer>;
}

/** The same matrix without its zeros, in compressed sparse rows, counted from 0. */
export interface CsrMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array<ArrayBuffer>;
  /** Column of each value. */
  readonly columnOf: Int32Array<ArrayBuffer>;
  /** Where each row begins among the values, and after the last one their number: [rows + 1]. */
  readonly rowStarts: Int32Array<ArrayBuffer>;
}

/** Uniform numbers in [−1, 1), of which each is set to zero with the probability `sparsity`. */
export function randomMatrix(rows: number, columns: number, sparsity: number, random: () => number): Matrix {
  const data = floats(rows * columns);
  for (let i = 0; i < data.length; i++) if (random() >= sparsity) data[i] = random() * 2 - 1;
  return { rows, columns, data };
}

/** Compressed sparse rows of a matrix. */
export function toCsr({ rows, columns, data }: Matrix): CsrMatrix {
  const count = data.reduce((n, x) => (x === 0 ? n : n + 1), 0);
  const [values, columnOf, rowStarts] = [floats(count), ints(count), ints(rows + 1)];
  let next = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const x = data[row * columns + column]!;
      if (x === 0) continue;
      values[next] = x;
      columnOf[next++] = column;
    }
    rowStarts[row + 1] = next;
  }
  return { rows, columns, values, columnOf, rowStarts };
}

/** The transposed matrix, in memory of its own. */
export function transpose({ rows, columns, data }: Matrix): Matrix {
  const turned = zeros(columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) turned.data[column * rows + row] = data[row * columns + column]!;
  }
  return turned;
}

/** Share of zeros. */
export function zeroShare({ data }: Matrix): number {
  return data.reduce((n, x) => (x === 0 ? n + 1 : n), 0) / data.length;
}

/** A matrix of zeros. */
export function zeros(rows: number, columns: number): Matrix {
  return { rows, columns, data: floats(rows * columns) };
}

// Over a buffer of their own, because the engine moves short arrays without one, and native code keeps their addresses.
const floats = (length: number) => new Float32Array(new ArrayBuffer(length * 4));
const ints = (length: number) => new Int32Array(new ArrayBuffer(length * 4));
