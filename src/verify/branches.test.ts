import { describe, expect, it } from 'vitest';
import { choose } from '../../test/support/branches.ts';
import { loop, randomTensor } from '../../test/support/graphs.ts';
import { int64s } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, apply, equal, gather, matmul, mul, reduceSum, reshape, shapeOf, squeeze } from '../graph/ops.ts';
import type { Dim, ElementType, Model } from '../graph/types.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { Branches } from './branches.ts';
import { assertEqual, verifyEqual } from './verify.ts';

type Inputs = Record<string, readonly [ElementType, ...Dim[]]>;
type Make = (v: Record<string, Value>, b: GraphBuilder) => Value;

function modelWith(inputs: Inputs, make: Make): Model {
  const b = new GraphBuilder('choice');
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, [type, ...shape]]) => [name, b.input(name, type, shape)]),
  );
  b.output(make(values, b), 'y');
  return modelOf(b.build());
}

const scalar = (b: GraphBuilder, value: number) => b.constant(int64s([], [value]));
const times = (x: Value, factor: number) => (b: GraphBuilder) => mul(b.value(x.name), b.float(factor));

/** Models that differ in one branch only, which most inputs do not take. */
const hidden: [string, Inputs, (factor: number) => Make][] = [
  [
    'an input that is compared with a constant',
    { x: ['float32', 'n'], rate: ['int64'] },
    (factor) =>
      ({ x, rate }, b) =>
        choose(equal(rate!, scalar(b, 16_000)), times(x!, factor), times(x!, 1)),
  ],
  [
    'an input that is less than a constant',
    { x: ['float32', 'n'], rate: ['int32', 1] },
    (factor) =>
      ({ x, rate }, b) =>
        choose(
          squeeze(
            apply('Less', [rate!, b.constant({ elementType: 'int32', dims: [1], data: Int32Array.of(-70) })]),
            [0],
          ),
          times(x!, factor),
          times(x!, 1),
        ),
  ],
  [
    'what is computed from an input',
    { x: ['float32', 'n'], rate: ['int64'] },
    (factor) =>
      ({ x, rate }, b) =>
        choose(equal(apply('Mod', [rate!, scalar(b, 7)]), scalar(b, 5)), times(x!, factor), times(x!, 1)),
  ],
  [
    'two inputs, one If in the branch of the other',
    { x: ['float32', 'n'], rate: ['int64'], flag: ['bool'], level: ['int64'] },
    (factor) =>
      ({ x, rate, flag, level }, b) =>
        choose(
          equal(rate!, scalar(b, 8000)),
          (then) =>
            choose(then.value(flag!.name), times(x!, 1), (inner) =>
              choose(equal(inner.value(level!.name), scalar(inner, 44)), times(x!, factor), times(x!, 2)),
            ),
          times(x!, 1),
        ),
  ],
  [
    'the size of an axis',
    { x: ['float32', 'batch', 3] },
    (factor) =>
      ({ x }, b) =>
        choose(squeeze(equal(gather(shapeOf(x!), b.ints([0])), b.ints([1])), [0]), times(x!, factor), times(x!, 1)),
  ],
  [
    'an If in a loop',
    { x: ['float32', 'time', 3], rate: ['int64'] },
    (factor) =>
      ({ x, rate }, b) =>
        loop([], [x!], (_, [step]) => [
          choose(equal(step!.builder.value(rate!.name), scalar(b, 99)), times(step!, factor), times(step!, 1)),
        ])[0]!,
  ],
];

describe('verification', () => {
  it.each(hidden)('takes every branch: %s', async (_, inputs, make) => {
    const [one, other] = [modelWith(inputs, make(3)), modelWith(inputs, make(4))];
    await expect(assertEqual(nodeRuntime, one, other)).rejects.toThrow(/outputs of the two models differ/);
    const { maxAbsDifference, untaken } = await assertEqual(nodeRuntime, one, modelWith(inputs, make(3)));
    expect({ maxAbsDifference, untaken }).toEqual({ maxAbsDifference: 0, untaken: undefined });
  });

  it('adds windows where the given ones leave a branch out', async () => {
    const [, inputs, make] = hidden[0]!;
    const feeds = [{ x: randomTensor([3]), rate: int64s([], [1]) }];
    await expect(
      assertEqual(nodeRuntime, modelWith(inputs, make(3)), modelWith(inputs, make(4)), { feeds }),
    ).rejects.toThrow(/outputs of the two models differ/);
  });

  const never = (factor: number) =>
    modelWith({ x: ['float32', 'n', 2] }, ({ x }) =>
      choose(
        apply('Greater', [reduceSum(mul(x!, x!)), 1e30]),
        (then) => choose(equal(scalar(then, 1), scalar(then, 1)), times(x!, factor), times(x!, 5)),
        times(x!, 1),
        'rare',
      ),
    );

  it('refuses when a branch was never taken, and says so where that is accepted', async () => {
    const message = "refused: the then_branch of If 'rare' was never taken, so that it is not known";
    for (const compare of [assertEqual, verifyEqual]) {
      await expect(compare(nodeRuntime, never(1), never(2))).rejects.toThrow(message);
      const { untaken } = await compare(nodeRuntime, never(1), never(2), { unverifiedBranches: true });
      expect(untaken).toEqual(["the then_branch of If 'rare'"]);
    }
  });

  it('asks for no branch that cannot be taken', async () => {
    // Both are ruled out by sizes: the condition is known, and without its last axis x does not fit what reads it.
    const model = modelWith({ x: ['float32', 'n', 4] }, ({ x }, b) => {
      const isFour = equal(gather(shapeOf(x!), b.ints([1])), b.ints([4]));
      const same = choose(squeeze(isFour, [0]), times(x!, 2), times(x!, 3));
      const isOne = equal(gather(shapeOf(x!), b.ints([0])), b.ints([1]));
      const fold = (then: GraphBuilder) => reshape(then.value(same.name), [1, 2, 2]);
      const flat = choose(squeeze(isOne, [0]), fold, times(same, 1));
      return matmul(flat, b.parameter('w', randomTensor([4, 2])));
    });
    expect(new Branches(model).untaken).toEqual([]);
    expect(new Branches(model).model).toBe(model);
    await assertEqual(nodeRuntime, model, model);
  });
});

describe('branches', () => {
  it('are counted beside the outputs, which stay as they are', async () => {
    const [, inputs, make] = hidden[5]!;
    const model = modelWith(inputs, make(3));
    const branches = new Branches(model);
    const session = await nodeRuntime.createSession(branches.model);
    const outputs = await session.run({ x: randomTensor([2, 3]), rate: int64s([], [1]) });
    await session.release();
    expect(Object.keys(outputs)).toHaveLength(3);
    expect(Object.keys(branches.observe(outputs))).toEqual(['y']);
    expect(branches.untaken).toEqual([expect.stringMatching(/^the then_branch of If 'If_\d+'$/)]);
  });

  it('leave a model without any alone', () => {
    const model = modelWith({ x: ['float32', 'n'] }, ({ x }) => add(x!, 1));
    expect(new Branches(model).model).toBe(model);
  });
});
