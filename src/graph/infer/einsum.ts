import { stringAttribute } from '../attributes.ts';
import type { Rules } from '../rules.ts';
import type { Dim, Node } from '../types.ts';
import { canEqual, fail, type InferContext, type InferRule, inputShape, shaped } from './context.ts';

/** An Einsum with a letter for each axis; the axes of an ellipsis are written as digits, aligned at the right. */
export interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
}

/** Reads the equation of an Einsum node; undefined when it is none for operands of these ranks. */
export function parseEinsum(node: Node, ranks: readonly number[]): Equation | undefined {
  const [left = '', right] = stringAttribute(node, 'equation', '').replaceAll(' ', '').split('->');
  const terms = left.split(',');
  if (terms.length !== ranks.length) return undefined;
  const operands: string[][] = [];
  let widest = 0;
  for (const [i, term] of terms.entries()) {
    const extra = ranks[i]! - term.replace('...', '').length;
    if (extra < 0 || (extra > 0 && !term.includes('...')) || extra > 9) return undefined;
    if (term.includes('...')) widest = Math.max(widest, extra);
    operands.push(expand(term, extra));
  }
  const result = right === undefined ? implicit(operands, widest) : expand(right, widest);
  const known = new Set(operands.flat());
  const valid = [...operands.flat(), ...result].every((letter) => /^[A-Za-z\d]$/.test(letter));
  return valid && result.every((letter) => known.has(letter)) ? { operands, result } : undefined;
}

/** `...` as digits that count from the right: `...ij` over two more axes is `1 0 i j`. */
function expand(term: string, extra: number): string[] {
  const at = term.indexOf('...');
  if (at < 0) return [...term];
  const digits = Array.from({ length: extra }, (_, i) => `${extra - 1 - i}`);
  return [...term.slice(0, at), ...digits, ...term.slice(at + 3)];
}

/** Without an arrow: the ellipsis, then all letters that occur once, in order. */
function implicit(operands: readonly (readonly string[])[], extra: number): string[] {
  const all = operands.flat();
  const once = all.filter((letter) => /[A-Za-z]/.test(letter) && all.filter((other) => other === letter).length === 1);
  return [...expand('...', extra), ...once.sort()];
}

function sizesOf(c: InferContext, { operands }: Equation, shapes: readonly (readonly Dim[])[]): Map<string, Dim> {
  const sizes = new Map<string, Dim>();
  operands.forEach((letters, k) => {
    letters.forEach((letter, i) => {
      const size = shapes[k]![i]!;
      const before = sizes.get(letter);
      // Size 1 is repeated; a number says more than a name.
      if (before === undefined || before === 1) sizes.set(letter, size);
      else if (size !== 1 && !canEqual(c, before, size)) fail(c, `axis '${letter}' has sizes ${before} and ${size}`);
      else if (typeof before === 'string' && typeof size === 'number' && size !== 1) sizes.set(letter, size);
    });
  });
  return sizes;
}

export const einsumShapes = {
  /** Sums over every letter that the result does not have. */
  Einsum: shaped((c) => {
    const shapes = c.inputs.map((_, i) => inputShape(c, i));
    if (!shapes.every((s) => s !== undefined)) return undefined;
    const ranks = shapes.map((s) => s.length);
    const equation = parseEinsum(c.node, ranks);
    if (equation === undefined)
      fail(c, `equation '${stringAttribute(c.node, 'equation', '')}' does not fit its operands`);
    const sizes = sizesOf(c, equation, shapes);
    return equation.result.map((letter) => sizes.get(letter)!);
  }),
} satisfies Rules<InferRule>;
