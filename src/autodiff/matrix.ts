import { floatAttribute, intAttribute, stringAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { isStatic } from '../graph/dims.ts';
import { apply, expand, flatten, gemm, matmul, mul, transpose, unsqueeze } from '../graph/ops.ts';
import {
  type GradientContext,
  type GradientRules,
  rankOf,
  reshapeLike,
  shapeOfType,
  sumTo,
  unsupported,
} from './rule.ts';

/** Swaps the last two axes. */
function swapLast(x: Value): Value {
  const rank = rankOf(x);
  const perm = Array.from({ length: rank }, (_, i) => i);
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  return transpose(x, perm);
}

/** An axis of the operand that is only summed over takes the same gradient everywhere. */
function operandGradient(c: GradientContext, terms: readonly string[], right: string, i: number): Value {
  const term = terms[i]!;
  const others = terms.toSpliced(i, 1);
  const known = new Set([...right, ...others.join('')]);
  const met = [...term].filter((label) => known.has(label)).join('');
  const operands = [c.gradient(), ...c.inputs.toSpliced(i, 1)];
  const product = apply('Einsum', operands, { equation: `${[right, ...others].join()}->${met}` });
  if (met === term) return product;
  const shape = shapeOfType(c.input(i));
  if (!isStatic(shape)) unsupported(c, 'an axis that is only summed over must have a fixed size');
  const missing = [...term].flatMap((label, axis) => (known.has(label) ? [] : [axis]));
  return expand(unsqueeze(product, missing), shape);
}

export const matrixGradients = {
  /** Y = A · B: dA = dY · Bᵀ, dB = Aᵀ · dY. With a matrix B all leading axes of A become rows of one fat product. */
  MatMul: (c) => {
    const a = c.input(0);
    const b = c.input(1);
    const g = c.gradient();
    if (rankOf(a) >= 2 && rankOf(b) === 2) {
      const rows = (x: Value) => (rankOf(x) === 2 ? x : flatten(x, rankOf(x) - 1));
      const da = () => gemm(rows(g), b, undefined, { transB: true });
      return [
        c.needs(0) ? (rankOf(a) === 2 ? da() : reshapeLike(da(), a)) : undefined,
        c.needs(1) ? gemm(rows(a), rows(g), undefined, { transA: true }) : undefined,
      ];
    }
    // A vector operand: promote it as matmul does, differentiate that, and drop the added axis again.
    const [a2, b2] = [rankOf(a) < 2 ? unsqueeze(a, [0]) : a, rankOf(b) < 2 ? unsqueeze(b, [1]) : b];
    const g1 = rankOf(a) < 2 ? unsqueeze(g, [rankOf(b) < 2 ? 0 : -2]) : g;
    const g2 = rankOf(b) < 2 ? unsqueeze(g1, [-1]) : g1;
    const dropped = (x: Value, like: Value) => (rankOf(like) < 2 ? reshapeLike(x, like) : x);
    return [
      c.needs(0) ? dropped(sumTo(matmul(g2, swapLast(b2)), a2), a) : undefined,
      c.needs(1) ? dropped(sumTo(matmul(swapLast(a2), g2), b2), b) : undefined,
    ];
  },
  /** Y = α·op(A)·op(B) + β·C: each factor's gradient is again one Gemm, its transpose folded into the flags. */
  Gemm: (c) => {
    const transA = intAttribute(c.node, 'transA', 0) === 1;
    const transB = intAttribute(c.node, 'transB', 0) === 1;
    const alpha = floatAttribute(c.node, 'alpha', 1);
    const beta = floatAttribute(c.node, 'beta', 1);
    const scaled = (transpositions: { transA?: boolean; transB?: boolean }) =>
      alpha === 1 ? transpositions : { ...transpositions, alpha };
    const [a, b, g] = [c.input(0), c.input(1), c.gradient()];
    const da = () =>
      transA
        ? gemm(b, g, undefined, scaled({ transA: transB, transB: true }))
        : gemm(g, b, undefined, scaled({ transB: !transB }));
    const db = () =>
      transB
        ? gemm(g, a, undefined, scaled({ transA: true, transB: transA }))
        : gemm(a, g, undefined, scaled({ transA: !transA }));
    const dc = () => (beta === 1 ? sumTo(g, c.input(2)) : mul(sumTo(g, c.input(2)), beta));
    if (rankOf(a) !== 2 || rankOf(b) !== 2) unsupported(c, 'both operands must be matrices');
    return [c.needs(0) ? da() : undefined, c.needs(1) ? db() : undefined, c.inputs[2] && c.needs(2) ? dc() : undefined];
  },
  /** Einsum: the gradient of an operand is the sum over products of dY with the other operands. */
  Einsum: (c) => {
    const equation = stringAttribute(c.node, 'equation', '').replaceAll(' ', '');
    const [left = '', right] = equation.split('->');
    if (right === undefined || equation.includes('.')) unsupported(c, `the equation ${equation} has no gradient here`);
    const terms = left.split(',');
    if (terms.some((term) => new Set(term).size < term.length)) unsupported(c, 'a diagonal has no gradient here');
    return terms.map((_, i) => (c.needs(i) ? operandGradient(c, terms, right, i) : undefined));
  },
} satisfies GradientRules;
