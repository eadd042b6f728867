import { divideDims, isStatic, sizeOf } from '../../graph/dims.ts';
import type { Dim } from '../../graph/types.ts';
import { FIXED, type Identities } from './identities.ts';
import { type Flow, flow, plainAxis, uniform, type ValueAxis } from './traced.ts';

/** Axes of the input and axes of the output that hold the same elements. */
interface AxisGroup {
  readonly from: number[];
  readonly to: number[];
}

/**
 * Which axes become which when a row-major array changes its shape; axes of size 1 belong to none.
 * [T, B, 2, H] → [T, B, 2H] is {T → T}, {B → B}, {2, H → 2H}.
 */
export function reshapeGroups(from: readonly Dim[], to: readonly Dim[]): AxisGroup[] {
  const a = from.flatMap((d, i) => (d === 1 ? [] : [i]));
  const b = to.flatMap((d, i) => (d === 1 ? [] : [i]));
  const groups: AxisGroup[] = [];
  while (a.length > 0 && b.length > 0 && from[a[0]!] === to[b[0]!])
    groups.push({ from: [a.shift()!], to: [b.shift()!] });
  const tail: AxisGroup[] = [];
  while (a.length > 0 && b.length > 0 && from[a[a.length - 1]!] === to[b[b.length - 1]!]) {
    tail.unshift({ from: [a.pop()!], to: [b.pop()!] });
  }
  while (a.length > 0 && b.length > 0) groups.push(nextGroup(from, to, a, b));
  const last = groups[groups.length - 1];
  if (a.length > 0 || b.length > 0) {
    if (last) groups[groups.length - 1] = { from: [...last.from, ...a], to: [...last.to, ...b] };
    else groups.push({ from: a, to: b });
  }
  return [...groups, ...tail];
}

/** Takes axes from both lists until their products agree; all of them when that cannot be seen. */
function nextGroup(from: readonly Dim[], to: readonly Dim[], a: number[], b: number[]): AxisGroup {
  const group: AxisGroup = { from: [], to: [] };
  // What the axes taken so far have more on either side.
  let left: Dim = 1;
  let right: Dim = 1;
  do {
    const takeLeft: boolean = a.length > 0 && (b.length === 0 || right !== 1 || left === 1);
    const axis: number = takeLeft ? a.shift()! : b.shift()!;
    (takeLeft ? group.from : group.to).push(axis);
    const size = (takeLeft ? from : to)[axis]!;
    const against: Dim = takeLeft ? right : left;
    const own = divideDims(size, against);
    const other = divideDims(against, size);
    if (own !== undefined) [left, right] = takeLeft ? [own, 1] : [1, own];
    else if (other !== undefined) [left, right] = takeLeft ? [1, other] : [other, 1];
    else return { from: [...group.from, ...a.splice(0)], to: [...group.to, ...b.splice(0)] };
  } while ((left !== 1 || right !== 1) && a.length + b.length > 0);
  return group;
}

/** More elements than this are not looked at one by one. */
const MOST_ELEMENTS = 1 << 22;

/** Channels after a change of shape; undefined when they are mixed with a free dimension. */
export function reshapeFlow(x: Flow, shape: readonly Dim[], identities: Identities): Flow | undefined {
  const { axis, ids, shape: from } = x;
  if (axis === undefined || from === undefined) return { ...x, shape };
  if (ids.length === 1) {
    // One channel: it stays visible where the shape keeps a last axis of size 1, and cannot leave otherwise.
    const at = from.length - axis;
    if (shape[shape.length - at] === 1) return flow(shape, shape.length - at, ids);
    identities.fix(ids);
    return uniform(shape, FIXED);
  }
  const group = reshapeGroups(from, shape).find((g) => g.from.includes(axis));
  if (group === undefined) return undefined;
  if (group.from.length === 1 && group.to.length === 1) return flow(shape, group.to[0]!, ids);
  const before = sizes(group.from, from);
  const after = sizes(group.to, shape);
  if (before === undefined || after === undefined) return undefined;
  const total = sizeOf(before);
  if (total > MOST_ELEMENTS) return undefined;
  const inner = sizeOf(before.slice(group.from.indexOf(axis) + 1));
  const idAt = (element: number) => ids[Math.floor(element / inner) % ids.length]!;
  // The new channels lie where equal indices already are one; otherwise along the last axis, where they become one.
  const strides = after.map((_, i) => sizeOf(after.slice(i + 1)));
  const indexOn = (i: number, element: number) => Math.floor(element / strides[i]!) % after[i]!;
  const first = (i: number, index: number) => idAt(index * strides[i]!);
  const agrees = (i: number) => {
    for (let e = 0; e < total; e++) {
      if (identities.find(idAt(e)) !== identities.find(first(i, indexOn(i, e)))) return false;
    }
    return true;
  };
  const candidates = after.map((_, i) => i).reverse();
  const chosen = candidates.find(agrees) ?? candidates[0]!;
  for (let e = 0; e < total; e++) identities.union(idAt(e), first(chosen, indexOn(chosen, e)));
  const made = Int32Array.from({ length: after[chosen]! }, (_, k) => first(chosen, k));
  return flow(shape, group.to[chosen]!, made);
}

/**
 * The axes of a stored value after a change of shape. Axes that stay whole keep their identities. Of several that are
 * merged or cut the largest, which the units are more likely to lie along than gates or directions, hands its identities
 * on; the others stay.
 */
export function reshapeAxes(axes: readonly ValueAxis[], shape: readonly Dim[], identities: Identities): ValueAxis[] {
  const made = shape.map(plainAxis);
  const from = axes.map((a) => a.size);
  for (const group of reshapeGroups(from, shape)) {
    if (group.from.length === 1 && group.to.length === 1) {
      made[group.to[0]!] = { ...axes[group.from[0]!]!, size: shape[group.to[0]!]! };
      continue;
    }
    const channels = group.from.reduce((a, b) => (axes[b]!.ids.length >= axes[a]!.ids.length ? b : a), group.from[0]!);
    for (const i of group.from) if (i !== channels && axes[i]!.ids.length > 1) identities.fix(axes[i]!.ids);
    const { ids, sources } = axes[channels] ?? plainAxis(1);
    const [before, after] = [sizes(group.from, from), sizes(group.to, shape)];
    const moved =
      before && after && ids.length > 1
        ? reshapeFlow(flow(before, group.from.indexOf(channels), ids), after, identities)
        : undefined;
    if (moved?.axis === undefined) identities.fix(ids);
    else made[group.to[moved.axis]!] = { size: moved.ids.length, ids: moved.ids, sources };
  }
  return made;
}

function sizes(axes: readonly number[], shape: readonly Dim[]): readonly number[] | undefined {
  const found = axes.map((i) => shape[i]!);
  return isStatic(found) ? found : undefined;
}
