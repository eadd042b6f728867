import type { Value } from '../graph/builder.ts';
import { add, mul, sub } from '../graph/ops.ts';

/** average + rate · (w − average), as the kernel `average` has it. */
export function averageNode(average: Value, weights: Value, rate: Value): Value {
  return add(average, mul(sub(weights, average), rate));
}
