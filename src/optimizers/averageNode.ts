import type { Value } from '../graph/builder.ts';
import { add, equal, mul, sub, where } from '../graph/ops.ts';

/** average + rate · (w − average), or 0 where w = 0: as the kernel `average` has it. */
export function averageNode(average: Value, weights: Value, rate: Value): Value {
  return where(equal(weights, 0), 0, add(average, mul(sub(weights, average), rate)));
}
