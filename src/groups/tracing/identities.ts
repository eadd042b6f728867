import type { Role } from '../groups.ts';

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
  /** Axes of weights that the node at hand reads its channels by. */
  readonly readings: Int32Array[] = [];
  /** What the trace is at, for `causeOf`: an operator, an output of the graph. */
  at = '';
  private readonly parents: number[] = [FIXED];
  /** Roots of the classes that stay, and what the trace was at when that showed. */
  private readonly causes = new Map<number, string>([[FIXED, '']]);
  private readonly byTensor = new Map<string, StoredAxis[]>();
  /** Number of unions so far that joined two different classes; tells whether a pass changed something. */
  unions = 0;

  /** New identities, different from all others. */
  fresh(count: number): Int32Array {
    return Int32Array.from({ length: count }, () => this.parents.push(this.parents.length) - 1);
  }

  /** The representative of an identity's class; FIXED for every fixed one, NONE for none. */
  find(id: number): number {
    if (id === NONE) return NONE;
    const root = this.root(id);
    return this.causes.has(root) ? FIXED : root;
  }

  /** What keeps an identity where it is: the operator or output at which that showed; undefined when it may go. */
  causeOf(id: number): string | undefined {
    return id === NONE ? undefined : this.causes.get(this.root(id));
  }

  private root(id: number): number {
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

  /** Makes two identities one, which stays if either does; NONE joins with nothing. The smaller number represents. */
  union(a: number, b: number): void {
    if (a === NONE || b === NONE) return;
    const [x, y] = [this.root(a), this.root(b)];
    const [fixedX, fixedY] = [this.causes.get(x), this.causes.get(y)];
    if (x === y || (fixedX !== undefined && fixedY !== undefined)) return;
    this.unions++;
    if (x === FIXED || y === FIXED) {
      this.causes.set(Math.max(x, y), this.at);
      return;
    }
    this.parents[Math.max(x, y)] = Math.min(x, y);
    const cause = fixedX ?? fixedY;
    if (cause !== undefined) this.causes.set(Math.min(x, y), cause);
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
  stateAxis(tensor: string, axis: number, size: number): StoredAxis {
    const stored: StoredAxis = { tensor, axis, ids: this.fresh(size), role: 'produces' };
    this.stored.push(stored);
    return stored;
  }

  /** Records how axes are used. */
  mark(axes: readonly StoredAxis[], role: Role): void {
    if (role === 'reads') for (const a of axes) this.readings.push(a.ids);
    for (const a of axes) if (a.role === undefined || strength[role] > strength[a.role]) a.role = role;
  }
}
