import { SlimError } from '../base/errors.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { add, concat, gather, mul, reduceSum, sqrt, unsqueeze } from '../graph/ops.ts';
import type { Groups } from '../groups/groups.ts';
import { EPSILON, type Link, linksOf } from './components.ts';
import type { NodeMatrix } from './method.ts';

/*
 * What `Components` does over matrices in memory, as nodes of a graph: everything is a lookup by place, which devices have.
 */

/** The components of a model over the matrices of a graph. */
export class ComponentNodes {
  private readonly b: GraphBuilder;
  private readonly count: number;
  private readonly matrices: readonly NodeMatrix[];
  private readonly links: readonly Link<NodeMatrix>[];

  constructor(groups: Groups, matrices: readonly NodeMatrix[]) {
    if (matrices.length === 0) throw new SlimError('no matrix has weights of components');
    this.b = matrices[0]!.weights.builder;
    this.count = groups.count;
    this.matrices = matrices;
    this.links = linksOf(groups, matrices);
  }

  /** ‖w_k‖ = √(ε + Σ w²) of each component [count]. */
  norms(epsilon = EPSILON): Value {
    const { b, count, links } = this;
    const sums = links.map(({ matrix: { weights }, side }) =>
      reduceSum(mul(weights, weights), [side === 'row' ? 1 : 0]),
    );
    // The places of each component's rows and columns among all of them; behind them a zero, which fills lists up.
    const places: number[][] = Array.from({ length: count }, () => []);
    let end = 0;
    for (const { components } of links) {
      components.forEach((k, i) => {
        if (k >= 0) places[k]!.push(end + i);
      });
      end += components.length;
    }
    const most = Math.max(1, ...places.map((own) => own.length));
    const indices = Int32Array.from({ length: count * most }, (_, i) => places[Math.floor(i / most)]![i % most] ?? end);
    const all = concat([...sums, b.float([0])], 0);
    const own = gather(all, b.constant({ elementType: 'int32', dims: [count, most], data: indices }));
    return sqrt(add(reduceSum(own, [1]), epsilon));
  }

  /**
   * The weights [rows, cols] of each matrix times a factor for each element: the factors [count] of the components that it
   * belongs to, combined; `neutral` stands for those of rows and columns without a component.
   */
  scaled(factors: Value, neutral: number, combine: (a: Value, b: Value) => Value): ReadonlyMap<string, Value> {
    const { b, count, links } = this;
    const table = concat([factors, b.float([neutral])], 0);
    const scaled = new Map<string, Value>();
    for (const matrix of this.matrices) {
      const parts = links
        .filter((link) => link.matrix === matrix)
        .map(({ side, components }) => {
          const data = components.map((k) => (k < 0 ? count : k));
          const own = gather(table, b.constant({ elementType: 'int32', dims: [data.length], data }));
          return unsqueeze(own, [side === 'row' ? 1 : 0]);
        });
      if (parts.length > 0) scaled.set(matrix.name, mul(matrix.weights, parts.reduce(combine)));
    }
    return scaled;
  }

  /** s_k for each component [count], times λ. */
  strengths(lambda: number, strengths: Float64Array | undefined): Value {
    const data = Float32Array.from({ length: this.count }, (_, k) => lambda * (strengths?.[k] ?? 1));
    return this.b.constant({ elementType: 'float32', dims: [this.count], data });
  }
}
