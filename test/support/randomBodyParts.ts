import type { GraphBuilder, Value } from '../../src/graph/builder.ts';
import { apply, concat, expand, shapeOf, slice } from '../../src/graph/ops.ts';
import type { Tensor } from '../../src/graph/types.ts';
import { gates, type Maker } from './randomGraphs.ts';

/*
 * For tests: what random models with loops and branches are put together from: places in graphs and bodies, and layers of
 * which some units are dead, because whatever reads them was made zero.
 */

/** A recurrent operator of a random model. */
export interface MadeLayer {
  readonly name: string;
  readonly hidden: number;
  /** Dead units of each direction. */
  readonly dead: readonly ReadonlySet<number>[];
}

/** Stored tensors of a layer and its reader; layers that share them share their dead units. */
export interface Weights extends Omit<MadeLayer, 'name'> {
  readonly operator: string;
  readonly size: number;
  readonly w: Value;
  readonly r: Value;
  readonly bias: Value | undefined;
}

/** What a graph or a body of it is made with. */
export interface Place extends Maker {
  /** The builder of the outermost graph, which is still open. */
  readonly root: GraphBuilder;
  readonly depth: number;
  readonly known: Known;
  chance(part: number): boolean;
  numbers(...dims: number[]): Tensor;
  stored(tensor: Tensor): Value;
}

/** What a model has so far. */
interface Known {
  readonly layers: MadeLayer[];
  readonly shared: Weights[];
  readonly flags: Value[];
  readonly constants: Map<string, Value>;
  /** By their number of units. */
  readonly zeros: Map<number, Value>;
  /** Further outputs of the model. */
  readonly outputs: Value[];
}

export const batchOf = (x: Value) => slice(shapeOf(x), [1], [2], [0]);

/** Weights of a layer with some dead units (those of `like`): new ones, or those of another layer of the same sizes. */
export function weightsFor(
  p: Place,
  operator: string,
  size: number,
  directions: number,
  like?: Omit<MadeLayer, 'name'>,
): Weights {
  const fits = p.known.shared.filter((s) => s.operator === operator && s.size === size && s.dead.length === directions);
  if (fits.length > 0 && like === undefined && p.chance(0.4)) return fits[p.below(fits.length)]!;
  const hidden = like?.hidden ?? 2 + p.below(4);
  const rows = gates[operator]! * hidden;
  const some = () => new Set(Array.from({ length: hidden - 1 }, (_, k) => k + 1).filter(() => p.chance(0.35)));
  const dead = like?.dead ?? Array.from({ length: directions }, some);
  const r = p.numbers(directions, rows, hidden);
  zero(r, (at) => dead[Math.floor(at / (rows * hidden))]!.has(at % hidden));
  const bias = p.below(3);
  const stored = p.chance(0.5)
    ? p
    : { ...p, stored: (tensor: Tensor) => p.root.parameter(p.root.fresh('shared'), tensor) };
  const made: Weights = {
    operator,
    size,
    hidden,
    dead,
    w: stored.stored(p.numbers(directions, rows, size)),
    r: stored.stored(r),
    bias:
      bias === 0
        ? undefined
        : bias === 1
          ? stored.stored(p.numbers(directions, 2 * rows))
          : constantOf(p, directions, 2 * rows),
  };
  if (stored !== p) p.known.shared.push(made);
  return made;
}

/** A constant of the outermost graph that all layers of these sizes share. */
function constantOf(p: Place, ...dims: number[]): Value {
  const key = dims.join();
  const known = p.known.constants.get(key);
  const value = known ?? p.root.constant(p.numbers(...dims));
  p.known.constants.set(key, value);
  return value;
}

function zero(tensor: Tensor, isDead: (at: number) => boolean): void {
  const data = tensor.data as Float32Array;
  for (let i = 0; i < data.length; i++) if (isDead(i)) data[i] = 0;
}

/** A matrix that reads the units of a layer, its directions side by side, but for the dead ones. */
export function reader(p: Place, { hidden, dead }: Weights, outputs: number): Value {
  const tensor = p.numbers(dead.length * hidden, outputs);
  zero(tensor, (at) => {
    const row = Math.floor(at / outputs);
    return dead[Math.floor(row / hidden)]!.has(row % hidden);
  });
  return p.stored(tensor);
}

/** Initial states [D, B, H] of a layer: none, a vector for all examples, or parts of a stack of vectors. */
export function initialStates(p: Place, weights: Weights, x: Value, count: number): (Value | undefined)[] {
  const { hidden, dead } = weights;
  const shape = () => concat([p.b.ints([dead.length]), batchOf(x), p.b.ints([hidden])], 0);
  // A stored state of both directions ties their units.
  const kind = dead.length === 1 ? p.below(6) : 2 + p.below(2);
  if (kind === 0)
    return Array.from({ length: count }, () => expand(p.stored(p.numbers(dead.length, 1, hidden)), shape()));
  if (kind === 1) {
    const stack = p.stored(p.numbers(count * dead.length, 1, hidden));
    return Array.from({ length: count }, (_, i) =>
      expand(slice(stack, [i * dead.length], [(i + 1) * dead.length], [0]), shape()),
    );
  }
  if (kind === 4) {
    const constant = constantOf(p, 1, 1, hidden);
    return Array.from({ length: count }, () => expand(constant, shape()));
  }
  if (kind === 5 && p.depth < 2) return Array.from({ length: count }, () => zerosOf(p, hidden));
  if (kind === 2) return Array.from({ length: count }, () => expand(p.b.float(0), shape()));
  return [];
}

/** Zeros [1, B, hidden] that all layers of this size share. */
export function zerosOf(p: Place, hidden: number): Value {
  const known = p.known.zeros.get(hidden);
  if (known) return p.b.value(known.name);
  const { root } = p;
  const batch = batchOf(root.value('x'));
  const made = apply('ConstantOfShape', [concat([root.ints([1]), batch, root.ints([hidden])], 0)]);
  p.known.zeros.set(hidden, made);
  return p.b.value(made.name);
}

/** The same place in a body. */
export function inside(p: Place, b: GraphBuilder): Place {
  const stored = (tensor: Tensor) => {
    const where = p.below(3);
    if (where === 0) return b.constant(tensor);
    return where === 1 ? b.parameter(b.fresh('inner'), tensor) : p.root.parameter(p.root.fresh('weight'), tensor);
  };
  const parameter = (...dims: number[]) => stored(p.numbers(...dims));
  // Features of the body itself have no partners but themselves.
  return { ...p, b, depth: p.depth + 1, stored, parameter, partner: (x) => x };
}
