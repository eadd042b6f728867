import type { ValueInfo } from '../../graph/types.ts';
import { FIXED, type Identities } from './identities.ts';
import { alongAxis, asFlow, fix, flow, type Open, open, plainAxis, type Traced, uniform, valueAxis } from './traced.ts';

/**
 * A streaming state on its way in. With one axis of a fixed size of more than 1 its channels lie there (with none, along
 * the last of size 1). With several of them, layers stacked and h beside c, each has identities: along which one the
 * units lie shows where the state meets them.
 */
export function stateValue(input: ValueInfo, identities: Identities): Traced {
  const { shape } = input.type;
  if (shape === undefined) return uniform(shape, FIXED);
  const sized = shape.flatMap((d, i) => (typeof d === 'number' ? [i] : []));
  const long = sized.filter((i) => shape[i] !== 1);
  if (long.length > 1) {
    const axes = shape.map((size, i) => {
      if (!long.includes(i)) return plainAxis(size);
      const stored = identities.stateAxis(input.name, i, size as number);
      return valueAxis(stored.ids, [stored]);
    });
    return open(axes);
  }
  const axis = long[0] ?? sized[sized.length - 1];
  if (axis === undefined) return uniform(shape, FIXED);
  return flow(shape, axis, identities.stateAxis(input.name, axis, shape[axis] as number).ids);
}

/** What comes out as a state goes in again. */
export function tieState(state: Traced, next: Traced, identities: Identities): void {
  if (state.kind !== 'flow' && next.kind !== 'flow') {
    tieAxes(state.axes, next.axes, identities);
    return;
  }
  const axis = state.kind === 'flow' ? state.axis : next.kind === 'flow' ? next.axis : undefined;
  const [a, b] = [state, next].map((x) =>
    axis === undefined ? asFlow(x, identities) : alongAxis(x, axis, identities),
  ) as [ReturnType<typeof asFlow>, ReturnType<typeof asFlow>];
  if (a.axis !== undefined && a.axis === b.axis && a.ids.length === b.ids.length) identities.unite(a.ids, b.ids);
  else for (const x of [state, next]) fix(x, identities);
}

/** Of states that never met units, which may be those of a layer that only handed them on. */
function tieAxes(before: Open['axes'], after: Open['axes'], identities: Identities): void {
  for (const [i, a] of before.entries()) {
    const b = after[i];
    if (a.ids.length === b?.ids.length) identities.unite(a.ids, b.ids);
    else for (const axis of [a, b]) if (axis) identities.fix(axis.ids);
  }
}
