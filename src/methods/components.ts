import { sizeOf } from '../graph/dims.ts';
import type { Groups } from '../groups/groups.ts';
import type { Matrix, NodeMatrix } from './method.ts';

/** ε under the root (equation 4), so that a zero group has a gradient. */
export const EPSILON = 1e-8;

/** One axis of one matrix: component of every row (or column), -1 where none. */
export interface Link<M> {
  readonly matrix: M;
  readonly side: 'row' | 'col';
  readonly components: Int32Array;
}

/**
 * The components of a model over matrices in memory. Every group is made of whole rows and columns, so ‖w_k‖² is a sum
 * of row and column squares, and what acts on a group acts on rows and columns.
 */
export class Components {
  private readonly matrices: readonly Matrix[];
  private readonly links: readonly Link<Matrix>[];
  private readonly found: Float64Array;

  constructor(groups: Groups, matrices: readonly Matrix[]) {
    this.matrices = matrices;
    this.links = linksOf(groups, matrices);
    this.found = new Float64Array(groups.count);
  }

  /** ‖w_k‖ = √(ε + Σ w²) of each component (equation 4); valid until the next call. */
  norms(epsilon = EPSILON): Float64Array {
    const norms = this.found.fill(epsilon);
    for (const { matrix, side, components } of this.links) {
      const sums = side === 'row' ? matrix.rowSquares : matrix.colSquares;
      for (let i = 0; i < components.length; i++) {
        const k = components[i]!;
        if (k >= 0) norms[k]! += sums[i]!;
      }
    }
    for (let k = 0; k < norms.length; k++) norms[k] = Math.sqrt(norms[k]!);
    return norms;
  }

  /** For each row and column: `start` combined with the factor of its component, once for each axis it is on. */
  spread(factors: Float64Array, start: number, combine: (before: number, factor: number) => number): void {
    for (const { rowPenalty, colPenalty } of this.matrices) {
      rowPenalty.fill(start);
      colPenalty.fill(start);
    }
    for (const { matrix, side, components } of this.links) {
      const penalty = side === 'row' ? matrix.rowPenalty : matrix.colPenalty;
      for (let i = 0; i < components.length; i++) {
        const k = components[i]!;
        if (k >= 0) penalty[i] = combine(penalty[i]!, factors[k]!);
      }
    }
  }
}

/** Axes of stored tensors as rows and columns: the last axis is the column, all earlier ones together are the row. */
export function linksOf<M extends Matrix | NodeMatrix>(groups: Groups, matrices: readonly M[]): Link<M>[] {
  const byName = new Map(matrices.map((m) => [m.name, m]));
  return groups.axes.flatMap((a): Link<M>[] => {
    const matrix = byName.get(a.tensor);
    if (matrix === undefined || a.role === 'bias') return [];
    const { dims, rows } = matrix;
    if (a.axis === dims.length - 1) return [{ matrix, side: 'col', components: a.components }];
    const inner = sizeOf(dims.slice(a.axis + 1, -1));
    const size = dims[a.axis]!;
    const components = Int32Array.from({ length: rows }, (_, r) => a.components[Math.floor(r / inner) % size]!);
    return [{ matrix, side: 'row', components }];
  });
}
