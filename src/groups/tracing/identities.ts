import type { Role } from '../groups.ts';
import { Holds } from './holds.ts';

/** Identity of a channel that always stays: something that cannot shrink, such as a graph input, is tied to it. */
export const FIXED = 0;
/** No identity: a value without channels of its own (a constant, a zero state), which ties nothing. */
export const NONE = -1;

/** One axis of a tensor that is stored in the model, with an identity for each of its indices. */
export interface StoredAxis {
  readonly tensor: string;
  readonly axis: number;
  readonly ids: Int32Array;
  /** How the graph uses the axis; undefined until something does. */
  role: Role | undefined;
}

/** Channels that something happens to at a node, and what. */
interface Event {
  readonly ids: Int32Array;
  readonly reason: string;
}

/** How much a role says: an axis that is read keeps that role whatever else is done with it. */
const strength: Readonly<Record<Role, number>> = { bias: 1, produces: 2, reads: 3 };

/** The identities of one trace: which are equal (union-find), which axes carry them, and where they met an obstacle. */
export class Identities {
  readonly stored: StoredAxis[] = [];
  /** Channels at which the trace cannot go on, which matters only when they are units of a layer. */
  readonly obstacles: Event[] = [];
  /** Channels that have a part in one another's results, so that none can leave without loss. */
  readonly entanglements: Event[] = [];
  private readonly parents: number[] = [FIXED];
  private readonly holds = new Holds();
  /** What is being looked at, as messages call it: what fixes channels now is what holds them. */
  at = '';
  private readonly byTensor = new Map<string, StoredAxis[]>();
  /** Number of unions so far that joined two different classes; tells whether a pass changed something. */
  unions = 0;

  /** New identities, different from all others. */
  fresh(count: number): Int32Array {
    return Int32Array.from({ length: count }, () => {
      this.holds.add();
      return this.parents.push(this.parents.length) - 1;
    });
  }

  /** The representative of an identity's class; FIXED for every fixed one, NONE for none. */
  find(id: number): number {
    if (id === NONE) return NONE;
    let root = id;
    while (this.parents[root] !== root) root = this.parents[root]!;
    for (let at = id; at !== root; ) {
      const next = this.parents[at]!;
      this.parents[at] = root;
      at = next;
    }
    return root;
  }

  /** The classes of identities, without those that are fixed or none. */
  rootsOf(ids: Iterable<number>): number[] {
    return Array.from(ids, (id) => this.find(id)).filter((root) => root > FIXED);
  }

  /** Makes two identities one; NONE joins with nothing. The smaller number represents, so that FIXED always does. */
  union(a: number, b: number): void {
    if (a > FIXED && b > FIXED) this.holds.tie(a, b);
    else if (a === FIXED || b === FIXED) for (const id of [a, b]) if (id > FIXED) this.holds.hold(id, this.at);
    const x = this.find(a);
    const y = this.find(b);
    if (x === y || x === NONE || y === NONE) return;
    this.parents[Math.max(x, y)] = Math.min(x, y);
    this.unions++;
  }

  /** Unites two lists of equal length index by index; the result has an identity wherever either has one. */
  unite(a: Int32Array, b: Int32Array): Int32Array {
    return a.map((id, i) => {
      this.union(id, b[i]!);
      return id === NONE ? b[i]! : id;
    });
  }

  /** Says that these channels stay. */
  fix(ids: Int32Array): void {
    for (const id of ids) this.union(id, FIXED);
  }

  /** What holds channels that are fixed: outputs, inputs and operators, as messages call them. */
  heldBy(ids: Int32Array): string[] {
    return this.holds.of(ids.filter((id) => this.find(id) === FIXED));
  }

  /** The axes of a stored tensor, the same at every call. */
  axesOf(tensor: string, dims: readonly number[]): readonly StoredAxis[] {
    const known = this.byTensor.get(tensor);
    if (known) return known;
    const axes = dims.map((size, axis): StoredAxis => ({ tensor, axis, ids: this.fresh(size), role: undefined }));
    this.byTensor.set(tensor, axes);
    this.stored.push(...axes);
    return axes;
  }

  /** Records one axis of a graph input that is stored between runs: a streaming state. */
  stateAxis(tensor: string, axis: number, size: number): Int32Array {
    const ids = this.fresh(size);
    this.stored.push({ tensor, axis, ids, role: 'produces' });
    return ids;
  }

  /** Records how axes are used. */
  mark(axes: readonly StoredAxis[], role: Role): void {
    for (const a of axes) if (a.role === undefined || strength[role] > strength[a.role]) a.role = role;
  }
}
