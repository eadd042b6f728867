import type { Dim } from '../../graph/types.ts';
import { FIXED, type Identities, NONE, type StoredAxis } from './identities.ts';

/**
 * What the trace knows of an activation: the axis along which its channels lie, with an identity for each index.
 * Without channels `axis` is undefined and `ids` one entry for all elements, FIXED or NONE. One axis is enough: where an
 * operator would spread identities over two axes, those that must leave together are united.
 */
export interface Flow {
  readonly kind: 'flow';
  readonly shape: readonly Dim[] | undefined;
  readonly axis: number | undefined;
  readonly ids: Int32Array;
}

/** One axis of a value with identities on every axis. */
export interface ValueAxis {
  readonly size: Dim;
  /** One for each index; empty when the size is free or not followed. */
  readonly ids: Int32Array;
  /** The stored axes that they come from. */
  readonly sources: readonly StoredAxis[];
}

/** A value that is computed from stored tensors only, and zero where they are; every axis has identities of its own. */
export interface Weight {
  readonly kind: 'weight';
  readonly axes: readonly ValueAxis[];
}

/** Data from stored tensors or sizes alone (a zero state): which axis carries channels shows where it meets others. */
export interface Open {
  readonly kind: 'open';
  readonly axes: readonly ValueAxis[];
}

/** What the trace knows of a value. */
export type Traced = Flow | Weight | Open;

/** An activation without channels: fixed, or nothing that ties (a number, a shape). */
export function uniform(shape: readonly Dim[] | undefined, id: typeof FIXED | typeof NONE): Flow {
  return { kind: 'flow', shape, axis: undefined, ids: Int32Array.of(id) };
}

/** An activation with channels along an axis. */
export function flow(shape: readonly Dim[], axis: number, ids: Int32Array): Flow {
  return { kind: 'flow', shape, axis, ids };
}

export function weight(axes: readonly ValueAxis[]): Weight {
  return { kind: 'weight', axes };
}

export function open(axes: readonly ValueAxis[]): Open {
  return { kind: 'open', axes };
}

/** An axis with identities, and the stored axes that they come from. */
export function valueAxis(ids: Int32Array, sources: readonly StoredAxis[] = []): ValueAxis {
  return { size: ids.length, ids, sources };
}

/** An axis whose identities nobody follows. */
export function plainAxis(size: Dim): ValueAxis {
  return { size, ids: size === 1 ? Int32Array.of(FIXED) : new Int32Array(0), sources: [] };
}

/** A weight as data: no matrix that channels can be multiplied with any more. */
export function asData(x: Traced): Flow | Open {
  return x.kind === 'weight' ? open(x.axes) : x;
}

/** Sizes of a value's axes, undefined when even the rank is unknown. */
export function shapeOf(x: Traced): readonly Dim[] | undefined {
  return x.kind === 'flow' ? x.shape : x.axes.map((a) => a.size);
}

/** Identities along one axis; undefined where the value has none. */
export function idsAlong(x: Traced, axis: number): Int32Array | undefined {
  if (x.kind === 'flow') return x.axis === axis ? x.ids : undefined;
  const ids = x.axes[axis]?.ids;
  return ids?.length === 0 ? undefined : ids;
}

/** All identities that a value has, axis by axis. */
export function idsOf(x: Traced): readonly Int32Array[] {
  return x.kind === 'flow' ? [x.ids] : x.axes.map((a) => a.ids);
}

/** True for an activation without channels that ties nothing. */
export function isNone(x: Traced | undefined): boolean {
  return x === undefined || (x.kind === 'flow' && x.axis === undefined && x.ids[0] === NONE);
}

/** True for a stored number, or several axes of one number. */
export function isScalar(x: Traced): boolean {
  return x.kind !== 'flow' && x.axes.every((a) => a.size === 1);
}

/** Says that a value keeps its size on every axis. */
export function fix(x: Traced, identities: Identities): void {
  for (const ids of idsOf(x)) identities.fix(ids);
}

/** Says that axes of more than one entry keep their sizes, all but the one at place `except`. */
export function fixLong(axes: readonly ValueAxis[], identities: Identities, except = -1): void {
  for (const [i, { ids }] of axes.entries()) if (i !== except && ids.length > 1) identities.fix(ids);
}

/** The axes of more than one entry along which a value has identities. */
export function longAxes(x: Weight | Open): number[] {
  return x.axes.flatMap((a, i) => (a.ids.length > 1 ? [i] : []));
}

/** A value as an activation whose channels, if it has any, lie along `axis`; its other axes keep their sizes. */
export function alongAxis(x: Traced, axis: number, identities: Identities): Flow {
  if (x.kind === 'flow') return x;
  const shape = x.axes.map((a) => a.size);
  fixLong(x.axes, identities, axis);
  const channels = x.axes[axis];
  if (channels === undefined || channels.ids.length < 2) return uniform(shape, NONE);
  identities.mark(channels.sources, 'bias');
  return flow(shape, axis, channels.ids);
}

/** Any value as an activation, whose channels lie along its only axis of more than one entry; with several it stays. */
export function asFlow(x: Traced, identities: Identities): Flow {
  if (x.kind === 'flow') return x;
  const long = longAxes(x);
  if (long.length === 1) return alongAxis(x, long[0]!, identities);
  fix(x, identities);
  return uniform(shapeOf(x), long.length === 0 ? NONE : FIXED);
}

/** Picks indices of one axis, in order. */
export function select(x: Traced, axis: number, indices: readonly number[], shape: readonly Dim[] | undefined): Traced {
  const pick = (ids: Int32Array) => Int32Array.from(indices, (i) => ids[i]!);
  if (x.kind === 'flow') return { ...x, shape, ids: x.axis === axis ? pick(x.ids) : x.ids };
  const axes = x.axes.map((a, i): ValueAxis => {
    if (i !== axis) return a;
    return a.ids.length === 0 ? plainAxis(shape?.[i] ?? a.size) : { ...a, size: indices.length, ids: pick(a.ids) };
  });
  return { kind: x.kind, axes };
}

/** `length` numbers from `start` on. */
export function range(start: number, length: number): number[] {
  return Array.from({ length }, (_, i) => start + i);
}
