import { intAttribute, intsAttribute } from '../attributes.ts';
import { addDims, divideDims, multiplyDims, normalizeAxis } from '../dims.ts';
import type { Dim, Node, TensorType } from '../types.ts';

/**
 * Follows small integer vectors through a graph (Shape → Gather → Concat → Reshape), so that shapes computed at run
 * time are known before it. Returns the elements of the node's first output, or undefined when they are not known.
 */
export function inferIntegers(
  node: Node,
  types: readonly (TensorType | undefined)[],
  ints: (input: number) => readonly Dim[] | undefined,
): readonly Dim[] | undefined {
  switch (node.op) {
    case 'Shape':
      return shapePart(node, types[0]?.shape);
    case 'Size': {
      const shape = types[0]?.shape;
      return shape && [multiplyDims(shape)];
    }
    case 'Identity':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Cast':
    case 'Reshape':
      return ints(0);
    case 'Concat': {
      const parts = types.map((t, i) => (t?.shape?.length === 1 ? ints(i) : undefined));
      return parts.every((p) => p !== undefined) ? parts.flat() : undefined;
    }
    case 'Gather': {
      const from = ints(0);
      const at = ints(1);
      if (from === undefined || at === undefined || types[0]?.shape?.length !== 1) return undefined;
      const picked = at.map((i) => (typeof i === 'number' ? from[normalizeAxis(i, from.length) ?? -1] : undefined));
      return picked.every((d) => d !== undefined) ? picked : undefined;
    }
    case 'Slice': {
      const from = types[0]?.shape?.length === 1 ? ints(0) : undefined;
      const start = (intsAttribute(node, 'starts') ?? ints(1))?.[0];
      const end = (intsAttribute(node, 'ends') ?? ints(2))?.[0];
      const step = types[4] ? ints(4)?.[0] : 1;
      if (from === undefined || typeof start !== 'number' || typeof end !== 'number' || step !== 1) return undefined;
      return from.slice(start, end);
    }
    case 'Add':
    case 'Mul':
    case 'Div': {
      const a = ints(0);
      const b = ints(1);
      if (a === undefined || b === undefined || a.length !== b.length) return undefined;
      const out = a.map((x, i) => combine(node.op, x, b[i]!));
      return out.every((d) => d !== undefined) ? out : undefined;
    }
    default:
      return undefined;
  }
}

/** The dimensions that a Shape node gives out. */
export function shapePart(node: Node, shape: readonly Dim[] | undefined): readonly Dim[] | undefined {
  return shape?.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', shape.length));
}

function combine(op: string, a: Dim, b: Dim): Dim | undefined {
  if (op === 'Add') return addDims([a, b]);
  return op === 'Mul' ? multiplyDims([a, b]) : divideDims(a, b);
}
