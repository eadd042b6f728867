import { intAttribute, integers, intsAttribute } from '../../graph/attributes.ts';
import { normalizeAxis } from '../../graph/dims.ts';
import type { Node, Tensor } from '../../graph/types.ts';

/** Where a part lies in a whole of several axes: along each axis, where it begins, from the outer cut to the inner. */
export class Place {
  /** The axis of the whole that each axis of the part is, -1 for one of size 1 that was added. */
  private readonly axes: readonly number[];
  private readonly starts: readonly (readonly number[])[];

  private constructor(axes: readonly number[], starts: readonly (readonly number[])[]) {
    this.axes = axes;
    this.starts = starts;
  }

  /** All of a value with so many axes. */
  static whole(rank: number): Place {
    const axes = Array.from({ length: rank }, (_, i) => i);
    return new Place(
      axes,
      axes.map(() => []),
    );
  }

  /** Order in a row-major array: below 0 where `a` lies first. */
  static compare(a: Place, b: Place): number {
    for (const [axis, starts] of a.starts.entries()) {
      const others = b.starts[axis] ?? [];
      for (const [i, start] of starts.entries()) if (start !== others[i]) return start - (others[i] ?? 0);
    }
    return 0;
  }

  /** The part that an output of a node is which moves this one's elements; undefined where that cannot be seen. */
  after(node: Node, output: number, stored: ReadonlyMap<string, Tensor>): Place | undefined {
    const { axes } = this;
    const axis = () => normalizeAxis(intAttribute(node, 'axis', 0), axes.length);
    const input = (i: number) => integers(stored.get(node.inputs[i] ?? ''));
    switch (node.op) {
      case 'Identity':
      case 'Cast':
        return this;
      case 'Split':
        return this.cut(axis(), output);
      case 'Gather': {
        const indices = stored.get(node.inputs[1] ?? '');
        const cut = this.cut(axis(), integers(indices)?.[0]);
        return indices?.dims.length === 0 ? cut?.without(axis()) : cut;
      }
      case 'Slice': {
        const starts = intsAttribute(node, 'starts') ?? input(1);
        const along = intsAttribute(node, 'axes') ?? input(3) ?? starts?.map((_, i) => i);
        return starts?.reduce<Place | undefined>(
          (part, start, i) => part?.cut(normalizeAxis(along?.[i] ?? 0, axes.length), start),
          this,
        );
      }
      case 'Squeeze': {
        const dropped = intsAttribute(node, 'axes') ?? input(1);
        const all = dropped?.map((a) => normalizeAxis(a, axes.length));
        return all && this.with(axes.filter((_, i) => !all.includes(i)));
      }
      case 'Unsqueeze': {
        const added = intsAttribute(node, 'axes') ?? input(1);
        return added && this.with(inserted(axes, added));
      }
      case 'Transpose': {
        const perm = intsAttribute(node, 'perm') ?? axes.map((_, i) => axes.length - 1 - i);
        return this.with(perm.map((p) => axes[p]!));
      }
      default:
        return undefined;
    }
  }

  /** The same on the way back: what the input of a moving node is of the whole that its output is a part of. */
  before(node: Node, stored: ReadonlyMap<string, Tensor>): Place | undefined {
    const { axes } = this;
    const given = intsAttribute(node, 'axes') ?? integers(stored.get(node.inputs[1] ?? ''));
    switch (node.op) {
      case 'Identity':
      case 'Cast':
        return this;
      case 'Squeeze':
        return given && this.with(inserted(axes, given));
      case 'Unsqueeze': {
        const all = given?.map((a) => normalizeAxis(a, axes.length));
        return all && this.with(axes.filter((_, i) => !all.includes(i)));
      }
      case 'Transpose': {
        const perm = intsAttribute(node, 'perm') ?? axes.map((_, i) => axes.length - 1 - i);
        const back = [...axes];
        perm.forEach((p, i) => {
          back[p] = axes[i]!;
        });
        return this.with(back);
      }
      default:
        return undefined;
    }
  }

  /** An operand of a Concat. */
  operand(index: number, axis: number): Place | undefined {
    return this.cut(normalizeAxis(axis, this.axes.length), index);
  }

  private cut(axis: number | undefined, start: number | undefined): Place | undefined {
    if (axis === undefined || start === undefined) return undefined;
    const whole = this.axes[axis]!;
    return new Place(
      this.axes,
      this.starts.map((starts, i) => (i === whole ? [...starts, start] : starts)),
    );
  }

  private without(axis: number | undefined): Place {
    return this.with(this.axes.filter((_, i) => i !== axis));
  }

  private with(axes: readonly number[]): Place {
    return new Place(axes, this.starts);
  }
}

/** Axes with new ones of size 1 at these places of the result. */
function inserted(axes: readonly number[], added: readonly number[]): number[] {
  const rank = axes.length + added.length;
  const places = added.map((a) => normalizeAxis(a, rank));
  const rest = [...axes];
  return Array.from({ length: rank }, (_, i) => (places.includes(i) ? -1 : rest.shift()!));
}
