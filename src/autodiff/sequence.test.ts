import { describe, expect, it } from 'vitest';
import { type GradientCase, gradientCase } from '../../test/support/gradientCheck.ts';
import { randomTensor } from '../../test/support/graphs.ts';
import { apply } from '../graph/ops.ts';
import { sequenceGradients } from './sequence.ts';

const x = randomTensor([4, 3, 2]);

const cases: GradientCase[] = [
  gradientCase('ReverseSequence', 'time-major', { x }, (v, b) =>
    apply('ReverseSequence', [v.x, b.ints([4, 1, 2])], { time_axis: 0, batch_axis: 1 }),
  ),
  gradientCase('ReverseSequence', 'batch-major', { x }, (v, b) =>
    apply('ReverseSequence', [v.x, b.ints([3, 1, 2, 2])], { time_axis: 1, batch_axis: 0 }),
  ),
  ...[0, 1].flatMap((exclusive) =>
    [0, 1].map((reverse) =>
      gradientCase('CumSum', `exclusive ${exclusive}, reverse ${reverse}`, { x }, (v, b) =>
        apply('CumSum', [v.x, b.ints([1])], { exclusive, reverse }),
      ),
    ),
  ),
];

describe('gradients of operators along sequences', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(sequenceGradients)));
  });
});
