/**
 * Ridge regression from second moments: A [S, K] and c [S] that minimise E|x_S − A x_K − c|² + λ|A|², with λ = `ridge`
 * times the mean variance of x_K. The normal equations (C_KK + λ I) Aᵀ = C_KS are solved by Cholesky's factors; c is
 * E[x_S] − A E[x_K]. Costs K³/6 + S K² multiply-adds. `mean` [n] and `products` [n, n] are E[x] and E[x xᵀ].
 */
export function ridgeRegression(
  { mean, products }: { readonly mean: Float64Array; readonly products: Float64Array },
  targets: readonly number[],
  given: readonly number[],
  ridge: number,
): { coefficients: Float64Array[]; offsets: number[] } {
  const n = mean.length;
  const covariance = (i: number, j: number) => products[i * n + j]! - mean[i]! * mean[j]!;
  const size = given.length;
  const variance = given.reduce((sum, i) => sum + Math.max(0, covariance(i, i)), 0) / Math.max(1, size);
  const damping = Math.max(ridge * variance, Number.MIN_VALUE);
  const factor = Array.from({ length: size }, (_, i) =>
    Float64Array.from({ length: i + 1 }, (_, j) => covariance(given[i]!, given[j]!) + (i === j ? damping : 0)),
  );
  factorize(factor);
  const coefficients = targets.map((s) =>
    solve(
      factor,
      Float64Array.from(given, (k) => covariance(k, s)),
    ),
  );
  const offsets = targets.map((s, row) => {
    return given.reduce((left, k, at) => left - coefficients[row]![at]! * mean[k]!, mean[s]!);
  });
  return { coefficients, offsets };
}

/** A symmetric matrix, given by the rows of its lower half, becomes L with L Lᵀ = A; what never varies gets no weight. */
function factorize(rows: readonly Float64Array[]): void {
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j <= i; j++) {
      const other = rows[j]!;
      let sum = row[j]!;
      for (let k = 0; k < j; k++) sum -= row[k]! * other[k]!;
      if (j < i) row[j] = sum / other[j]!;
      else row[i] = sum > 0 ? Math.sqrt(sum) : Number.POSITIVE_INFINITY;
    }
  }
}

/** x with L Lᵀ x = b, in place of b. */
function solve(factor: readonly Float64Array[], b: Float64Array): Float64Array {
  for (const [i, row] of factor.entries()) {
    for (let k = 0; k < i; k++) b[i]! -= row[k]! * b[k]!;
    b[i]! /= row[i]!;
  }
  for (let i = b.length - 1; i >= 0; i--) {
    b[i]! /= factor[i]![i]!;
    const row = factor[i]!;
    for (let k = 0; k < i; k++) b[k]! -= row[k]! * b[i]!;
  }
  return b;
}
