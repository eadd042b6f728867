import { intAttribute } from '../attributes.ts';
import { formatShape } from '../dims.ts';
import type { Rules } from '../rules.ts';
import type { Dim } from '../types.ts';
import { broadcastOf, canEqual, fail, type InferContext, type InferRule, inputShape, shaped } from './context.ts';

function requireEqual(c: InferContext, a: Dim, b: Dim): void {
  if (!canEqual(c, a, b)) fail(c, `the inner sizes differ: ${a} and ${b}`);
}

export const matrixShapes = {
  /** numpy matmul: [..., M, K] · [..., K, N] → [..., M, N]; vectors are promoted and the added axis dropped. */
  MatMul: shaped((c, a) => {
    const b = inputShape(c, 1);
    if (b === undefined) return undefined;
    if (a.length === 0 || b.length === 0) fail(c, 'a scalar cannot be multiplied as a matrix');
    const left = a.length === 1 ? [1, ...a] : a;
    const right = b.length === 1 ? [...b, 1] : b;
    requireEqual(c, left[left.length - 1]!, right[right.length - 2]!);
    const batch = broadcastOf(c, left.slice(0, -2), right.slice(0, -2)) ?? fail(c, 'the batch axes do not broadcast');
    const out = [...batch];
    if (a.length > 1) out.push(left[left.length - 2]!);
    if (b.length > 1) out.push(right[right.length - 1]!);
    return out;
  }),
  /** Y[M, N] = α·op(A)·op(B) + β·C with op a transpose where transA or transB say so. */
  Gemm: shaped((c, a) => {
    const b = inputShape(c, 1);
    if (b === undefined) return undefined;
    if (a.length !== 2 || b.length !== 2) fail(c, 'both operands must be matrices');
    const [m, ka] = intAttribute(c.node, 'transA', 0) ? [a[1]!, a[0]!] : [a[0]!, a[1]!];
    const [kb, n] = intAttribute(c.node, 'transB', 0) ? [b[1]!, b[0]!] : [b[0]!, b[1]!];
    requireEqual(c, ka, kb);
    const bias = c.inputs[2]?.shape;
    const sum = bias && broadcastOf(c, [m, n], bias);
    // It may be repeated to the product's size, but not the product to its size.
    if (bias && (sum?.length !== 2 || (m === 1 && sum[0] !== 1) || (n === 1 && sum[1] !== 1))) {
      fail(c, `the third operand ${formatShape(bias)} does not broadcast to [${m}, ${n}]`);
    }
    return [m, n];
  }),
} satisfies Rules<InferRule>;
