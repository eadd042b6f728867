import { FIXED, type Identities } from './identities.ts';
import { isAlongLast } from './lastAxis.ts';
import { type Flow, idsOf, type Traced, uniform } from './traced.ts';

/*
 * The net under all rules of the trace: whatever carries identities into a node must come out of it, be read by a
 * weight, be tied to something that stays, or be an obstacle. A rule that forgets some would let units leave that
 * something still depends on; here they become an obstacle.
 */

/** How many events of each kind there were before a node. */
export interface Mark {
  readonly obstacles: number;
  readonly entanglements: number;
  readonly readings: number;
}

/** Notes where the events of a node begin. */
export function markOf({ obstacles, entanglements, readings }: Identities): Mark {
  return { obstacles: obstacles.length, entanglements: entanglements.length, readings: readings.length };
}

/**
 * Identities of `given` that are neither in `made` nor part of an event since `mark`. Axes of one entry count only where
 * they are one channel of an activation: a tensor never loses its last index.
 */
export function lostIds(
  identities: Identities,
  mark: Mark,
  given: readonly Traced[],
  made: readonly Traced[],
): Int32Array {
  const known = new Set<number>([FIXED]);
  const see = (ids: Int32Array) => {
    for (const id of ids) known.add(identities.find(id));
  };
  for (const value of made) for (const ids of idsOf(value)) see(ids);
  for (const { ids } of identities.obstacles.slice(mark.obstacles)) see(ids);
  for (const { ids } of identities.entanglements.slice(mark.entanglements)) see(ids);
  for (const ids of identities.readings.slice(mark.readings)) see(ids);
  const lost = given.flatMap((value) =>
    idsOf(value)
      .filter((ids) => ids.length > 1 || value.kind === 'flow')
      .flatMap((ids) => identities.rootsOf(ids).filter((root) => !known.has(root))),
  );
  return Int32Array.from(new Set(lost));
}

/**
 * An activation whose channels lie on an axis that its shape has, with its size there; undefined for one of which that
 * cannot be said. Rules count axes from both ends, so that channels without a rank would be lost on the way.
 */
export function placed(x: Traced): Traced | undefined {
  if (x.kind !== 'flow' || x.axis === undefined || isAlongLast(x)) return x;
  const { shape, axis, ids } = x;
  const size = shape?.[axis];
  if (shape === undefined || size === undefined || (typeof size === 'number' && size !== ids.length)) return undefined;
  return size === ids.length ? x : { ...x, shape: shape.with(axis, ids.length) };
}

/** What stands for an activation that cannot be followed. */
export function stopped(x: Traced): Flow {
  return uniform(x.kind === 'flow' ? x.shape : undefined, FIXED);
}
