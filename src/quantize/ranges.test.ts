import { describe, expect, it } from 'vitest';
import { either, loop } from '../../test/support/graphs.ts';
import { floats, int64s } from '../graph/attributes.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, greater, mul, reduceSum } from '../graph/ops.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { valueRanges } from './ranges.ts';

const runtime = nodeRuntime;
const window = (...values: number[]): Tensors => ({ x: floats([values.length], values) });
const states = [{ input: 'total', output: 'total_next' }];

async function rangesOf(model: Model, names: readonly string[], windows: readonly Tensors[]) {
  const carried = model.graph.name === 'running' ? states : [];
  return Object.fromEntries(await valueRanges(model, new Set(names), { runtime, windows, states: carried }));
}

const squeezed = (tensor: Tensor): Tensor => ({ ...tensor, dims: [] });

/** y = 2 · x + total, and total + sum of x as the next total. */
function running(): Model {
  const b = new GraphBuilder('running');
  const [x, total] = [b.input('x', 'float32', ['n']), b.input('total', 'float32', [])];
  const [twice] = b.node('Mul', [x, b.float(2)], {}, ['twice']);
  b.output(add(twice!, total), 'y');
  b.output(add(total, reduceSum(x)), 'total_next');
  return modelOf(b.build());
}

describe('ranges of values', () => {
  it('go from the least to the largest number of all windows, of inputs and of what is computed', async () => {
    const ranges = await rangesOf(running(), ['x', 'twice'], [window(1, -3, 2), window(0, 5), window(0.5)]);
    expect(ranges).toEqual({ x: { min: -3, max: 5 }, twice: { min: -6, max: 10 } });
  });

  it('are those with carried states', async () => {
    // Totals 0, 3, 7: y is 2 4, 11 3, 5.
    const ranges = await rangesOf(running(), ['total', 'y'], [window(1, 2), window(4, 0), window(-1)]);
    expect(ranges).toEqual({ total: { min: 0, max: 7 }, y: { min: 2, max: 11 } });
    const first = { ...window(1, 2), total: floats([], [-9]) };
    expect(await rangesOf(running(), ['total'], [first, window(0, 0)])).toEqual({ total: { min: -9, max: -6 } });
  });

  it('inside loops are those of all steps, in loops in loops, too', async () => {
    const b = new GraphBuilder('loops');
    const x = b.input('x', 'float32', ['n']);
    const names: string[] = [];
    const outer = loop([b.float(1)], [x], ([state], [step]) => {
      const [last, all] = loop([state!], [x], ([s], [t]) => {
        const next = mul(s!, t!);
        names.push(next.name);
        return [next, next];
      });
      const sum = add(last!, step!);
      names.push(sum.name);
      return [sum, all!];
    });
    for (const value of outer) b.output(value);
    // From 1: 1 · 2, 2 · −1 = −2, and −2 + 2 = 0; from 0: 0, 0, and 0 − 1.
    expect(await rangesOf(modelOf(b.build()), names, [window(2, -1)])).toEqual({
      [names[0]!]: { min: -2, max: 2 },
      [names[1]!]: { min: -1, max: 0 },
    });
  });

  it('are not known in a branch', async () => {
    const b = new GraphBuilder('branch');
    const x = b.input('x', 'float32', ['n']);
    const [chosen] = either(greater(reduceSum(x), 0), [
      (branch, of) => branch.node('Abs', [of(x)], {}, ['inside'])[0]!,
      (branch, of) => branch.node('Neg', [of(x)])[0]!,
    ]);
    b.output(chosen!, 'y');
    expect(await rangesOf(modelOf(b.build()), ['inside', 'x'], [window(1, 2)])).toEqual({ x: { min: 1, max: 2 } });
  });

  it('are not known in a loop that takes no step', async () => {
    const b = new GraphBuilder('steps');
    const count = b.input('count', 'int64', []);
    const body = new GraphBuilder('body', b);
    body.input('i', 'int64', []);
    const go = body.input('go', 'bool', []);
    const state = body.input('state', 'float32', []);
    body.output(go);
    body.output(body.node('Add', [state, state], {}, ['inside'])[0]!);
    const attributes = { body: { type: 'graph', value: body.build() } } as const;
    b.output(b.node('Loop', [count, undefined, b.float(3)], attributes, ['y'])[0]!);
    const [model, steps] = [modelOf(b.build()), (n: number) => ({ count: squeezed(int64s([1], [n])) })];
    expect(await rangesOf(model, ['inside'], [steps(0)])).toEqual({});
    expect(await rangesOf(model, ['inside'], [steps(0), steps(2), steps(1)])).toEqual({ inside: { min: 6, max: 12 } });
  });

  it('say on what the model does not run', async () => {
    await expect(rangesOf(running(), ['y'], [{ x: floats([1, 1, 1], [1]) }])).rejects.toThrow(
      /^the model does not run on the calibration data \(x \[1,1,1\], total \[\]\): /,
    );
  });
});
