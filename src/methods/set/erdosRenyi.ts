/** Sizes of a matrix whose connections are drawn, or of a part of one. */
export interface BlockSize {
  readonly rows: number;
  readonly cols: number;
}

/** How many connections there are: ε, or the share of all places; spread as Erdős and Rényi have it, or evenly. */
export interface TopologySize {
  readonly start: 'erdos-renyi' | 'uniform';
  readonly epsilon?: number | undefined;
  readonly density?: number | undefined;
}

/**
 * How many connections each block begins with: ε · (rows + columns) as in SET (Mocanu et al. 2018), at most all; or the
 * same share of each. A density says which share of all blocks together; ε follows from it.
 */
export function connectionCounts(
  blocks: readonly BlockSize[],
  { start, epsilon, density = 1 }: TopologySize,
): number[] {
  if (start === 'uniform') return blocks.map(({ rows, cols }) => Math.round(density * rows * cols));
  const own = epsilon ?? epsilonFor(blocks, density);
  return blocks.map((block) => Math.round(expected(block, own)));
}

function expected({ rows, cols }: BlockSize, epsilon: number): number {
  return Math.min(rows * cols, epsilon * (rows + cols));
}

/** The ε with which all blocks together have this share of their places. */
function epsilonFor(blocks: readonly BlockSize[], density: number): number {
  const wanted = density * blocks.reduce((sum, { rows, cols }) => sum + rows * cols, 0);
  const total = (epsilon: number) => blocks.reduce((sum, block) => sum + expected(block, epsilon), 0);
  // With the largest size as ε every block is full.
  let [low, high] = [0, Math.max(1, ...blocks.flatMap(({ rows, cols }) => [rows, cols]))];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (total(middle) < wanted) low = middle;
    else high = middle;
  }
  return high;
}
