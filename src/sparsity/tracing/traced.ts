import type { Dim } from '../../graph/types.ts';
import { FIXED, type Identities, NONE, type StoredAxis } from './identities.ts';

/**
 * What the trace knows of an activation: the one axis along which its channels lie, with an identity for each index.
 * `axis` is undefined when the value has no channels of its own; then `ids` is one entry for all elements, FIXED or
 * NONE. One axis is enough, because an array that loses channels must stay rectangular: where an operator would spread
 * identities over two axes, those that must leave together are united.
 */
export interface Flow {
  readonly kind: 'flow';
  readonly shape: readonly Dim[] | undefined;
  readonly axis: number | undefined;
  readonly ids: Int32Array;
}

/** One axis of a weight: identities, and the stored axes that they come from. */
export interface WeightAxis {
  readonly ids: Int32Array;
  readonly sources: readonly StoredAxis[];
}

/** A value that is computed from stored tensors only; every axis has identities of its own. */
export interface Weight {
  readonly kind: 'weight';
  readonly axes: readonly WeightAxis[];
}

/** What the trace knows of a value. */
export type Traced = Flow | Weight;

/** An activation without channels: fixed, or nothing that ties (a constant). */
export function uniform(shape: readonly Dim[] | undefined, id: typeof FIXED | typeof NONE): Flow {
  return { kind: 'flow', shape, axis: undefined, ids: Int32Array.of(id) };
}

/** An activation with channels along an axis. */
export function flow(shape: readonly Dim[], axis: number, ids: Int32Array): Flow {
  return { kind: 'flow', shape, axis, ids };
}

export function weight(axes: readonly WeightAxis[]): Weight {
  return { kind: 'weight', axes };
}

/** Sizes of a value's axes, undefined when even the rank is unknown. */
export function shapeOf(x: Traced): readonly Dim[] | undefined {
  return x.kind === 'flow' ? x.shape : x.axes.map((a) => a.ids.length);
}

/** Identities along one axis; undefined where the value has none. */
export function idsAlong(x: Traced, axis: number): Int32Array | undefined {
  if (x.kind === 'weight') return x.axes[axis]?.ids;
  return x.axis === axis ? x.ids : undefined;
}

/** True for an activation without channels that ties nothing. */
export function isNone(x: Traced | undefined): boolean {
  return x === undefined || (x.kind === 'flow' && x.axis === undefined && x.ids[0] === NONE);
}

/** Says that a value keeps its size on every axis. */
export function fix(x: Traced, identities: Identities): void {
  if (x.kind === 'flow') identities.fix(x.ids);
  else for (const a of x.axes) identities.fix(a.ids);
}

/**
 * A weight used as data. Its only axis of more than one entry becomes the channels (a bias, a learned initial state);
 * a weight with several such axes stays as it is.
 */
export function asFlow(x: Traced, identities: Identities): Flow {
  if (x.kind === 'flow') return x;
  const shape = x.axes.map((a) => a.ids.length);
  const long = shape.flatMap((size, i) => (size === 1 ? [] : [i]));
  if (long.length === 0) return uniform(shape, NONE);
  if (long.length > 1) {
    fix(x, identities);
    return uniform(shape, FIXED);
  }
  const axis = x.axes[long[0]!]!;
  identities.mark(axis.sources, 'bias');
  return flow(shape, long[0]!, axis.ids);
}

/** Picks indices of one axis, in order. */
export function select(x: Traced, axis: number, indices: readonly number[], shape: readonly Dim[] | undefined): Traced {
  const pick = (ids: Int32Array) => Int32Array.from(indices, (i) => ids[i]!);
  if (x.kind === 'weight') return weight(x.axes.map((a, i) => (i === axis ? { ...a, ids: pick(a.ids) } : a)));
  return { ...x, shape, ids: x.axis === axis ? pick(x.ids) : x.ids };
}

/** `length` numbers from `start` on. */
export function range(start: number, length: number): number[] {
  return Array.from({ length }, (_, i) => start + i);
}
