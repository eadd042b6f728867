import { intsAttribute } from '../../graph/attributes.ts';
import { isBroadcasting, isUnary, traits } from '../../graph/operators.ts';
import { entangle, fixed, operand, outputShape, type TraceContext } from './context.ts';
import { type Flow, isNone, isScalar, type Traced } from './traced.ts';

/*
 * Activations of which only is known that their channels lie along the last axis: the branches of an If (PyTorch's
 * `squeeze`, which drops an axis only where it has one entry) give other numbers of axes. Few operators go on from there.
 */

/** The place of channels that lie along the last axis of an activation of unknown rank. */
const LAST = -1;

/** An activation of unknown rank with channels along its last axis, and the node that leaves the rank open. */
interface AlongLast extends Flow {
  readonly axis: typeof LAST;
  readonly from: string;
}

/** An activation of unknown rank with channels along its last axis. */
export function flowAlongLast(ids: Int32Array, from: string): AlongLast {
  return { kind: 'flow', shape: undefined, axis: LAST, ids, from };
}

/** True for an activation whose rank is not known, and whose channels lie along its last axis. */
export function isAlongLast(x: Traced | undefined): x is AlongLast {
  return x?.kind === 'flow' && x.axis === LAST;
}

/** Identities of the channels of a value if they lie along its last axis. */
export function idsAlongLast(x: Traced): Int32Array | undefined {
  if (x.kind !== 'flow' || x.axis === undefined) return undefined;
  return x.axis === LAST || x.axis + 1 === x.shape?.length ? x.ids : undefined;
}

/** What a node makes of channels along the last axis; undefined for operators that must know more. */
export function traceAlongLast(c: TraceContext): Traced | undefined {
  const { node, identities } = c;
  if (isUnary(node)) {
    const x = operand(c, 0);
    return node.inputs.length === 1 && isAlongLast(x) ? x : undefined;
  }
  if (node.domain === '' && node.op === 'MatMul') return product(c);
  if (traits(node).reduces === 'value') return reduced(c);
  if (!isBroadcasting(node) || outputShape(c) !== undefined) return undefined;
  let ids: Int32Array | undefined;
  let from = '';
  for (const x of c.inputs) {
    if (x === undefined || isNone(x) || isScalar(x)) continue;
    if (isAlongLast(x)) from = x.from;
    const own = isAlongLast(x) ? x.ids : vector(x);
    if (own === undefined || (ids !== undefined && ids.length !== own.length)) return undefined;
    ids = ids === undefined ? own : identities.unite(ids, own);
  }
  if (ids === undefined) return undefined;
  for (const x of c.inputs) if (x && x.kind !== 'flow' && !isScalar(x)) identities.mark(x.axes.at(-1)!.sources, 'bias');
  return flowAlongLast(ids, from);
}

/** Identities of a stored vector, which may have axes of size 1 before its own. */
function vector(x: Traced): Int32Array | undefined {
  if (x.kind === 'flow' || x.axes.some((a, i) => a.size !== 1 && i !== x.axes.length - 1)) return undefined;
  return x.axes.at(-1)?.ids;
}

/** Data times a stored matrix [K, N] on its right. */
function product(c: TraceContext): Traced | undefined {
  const [x, w] = [operand(c, 0), operand(c, 1)];
  if (!isAlongLast(x) || w.kind !== 'weight' || w.axes.length !== 2) return undefined;
  const [reads, makes] = [w.axes[0]!, w.axes[1]!];
  if (reads.ids.length !== x.ids.length || makes.ids.length !== makes.size) return undefined;
  c.identities.unite(x.ids, reads.ids);
  c.identities.mark(reads.sources, 'reads');
  c.identities.mark(makes.sources, 'produces');
  return flowAlongLast(makes.ids, x.from);
}

/** Sums and the like over the units. */
function reduced(c: TraceContext): Traced | undefined {
  const x = operand(c, 0);
  const axes = intsAttribute(c.node, 'axes') ?? c.ints(1);
  if (!isAlongLast(x) || axes?.length !== 1 || axes[0] !== -1) return undefined;
  entangle(c, x.ids);
  return fixed(c);
}
