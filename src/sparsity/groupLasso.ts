import { sizeOf } from '../graph/dims.ts';
import type { Groups } from './groups.ts';
import type { Matrix, SparsityMethod } from './method.ts';

/** ε under the root (equation 4), so that a zero group has a gradient. */
export const EPSILON = 1e-8;

/** One axis of one matrix: component of every row (or column), -1 where none. */
interface Link {
  readonly matrix: string;
  readonly side: 'row' | 'col';
  readonly components: Int32Array;
}

/**
 * Group lasso over the components of a model (Wen et al. 2018, equations 2–4):
 *   R = λ Σ_k ‖w_k‖,  ‖w_k‖ = √(ε + Σ w²),  ∂R/∂w = λ w / ‖w_k‖ summed over the groups that w belongs to.
 * Every group is made of whole rows and columns, so ‖w_k‖² is a sum of row and column squares, and the gradient of an
 * element is w times (a factor of its row + a factor of its column). λ is on the scale of the loss: cross entropy
 * summed over the steps of a window, averaged over the batch.
 */
export function groupLasso(groups: Groups, lambda: number, threshold: number): SparsityMethod {
  let links: Link[] | undefined;
  const squares = new Float64Array(groups.count);
  const factors = new Float64Array(groups.count);
  return {
    name: 'group lasso',
    parameters: new Set(groups.axes.filter((a) => a.role !== 'bias').map((a) => a.tensor)),
    threshold,
    beforeUpdate(matrices) {
      links ??= linksOf(groups, matrices);
      const byName = new Map(matrices.map((m) => [m.name, m]));
      squares.fill(EPSILON);
      for (const { matrix, side, components } of links) {
        const m = byName.get(matrix)!;
        const sums = side === 'row' ? m.rowSquares : m.colSquares;
        for (let i = 0; i < components.length; i++) {
          const k = components[i]!;
          if (k >= 0) squares[k]! += sums[i]!;
        }
      }
      let total = 0;
      for (let k = 0; k < squares.length; k++) {
        const norm = Math.sqrt(squares[k]!);
        total += norm;
        factors[k] = lambda / norm;
      }
      for (const m of matrices) {
        m.rowPenalty.fill(0);
        m.colPenalty.fill(0);
      }
      for (const { matrix, side, components } of links) {
        const m = byName.get(matrix)!;
        const penalty = side === 'row' ? m.rowPenalty : m.colPenalty;
        for (let i = 0; i < components.length; i++) {
          const k = components[i]!;
          if (k >= 0) penalty[i]! += factors[k]!;
        }
      }
      return lambda * total;
    },
  };
}

/** Axes of stored tensors as rows and columns: the last axis is the column, all earlier ones together are the row. */
function linksOf(groups: Groups, matrices: readonly Matrix[]): Link[] {
  const byName = new Map(matrices.map((m) => [m.name, m]));
  return groups.axes.flatMap((a): Link[] => {
    const m = byName.get(a.tensor);
    if (m === undefined || a.role === 'bias') return [];
    if (a.axis === m.dims.length - 1) return [{ matrix: m.name, side: 'col', components: a.components }];
    const inner = sizeOf(m.dims.slice(a.axis + 1, -1));
    const size = m.dims[a.axis]!;
    const components = Int32Array.from({ length: m.rows }, (_, r) => a.components[Math.floor(r / inner) % size]!);
    return [{ matrix: m.name, side: 'row', components }];
  });
}
