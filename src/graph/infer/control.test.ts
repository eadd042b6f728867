import { describe, expect, it } from 'vitest';
import { graphOver, loop, randomTensor } from '../../../test/support/graphs.ts';
import { type ShapeCase, shapeCase } from '../../../test/support/shapeCheck.ts';
import { int64s } from '../attributes.ts';
import { GraphBuilder, type Value } from '../builder.ts';
import { add, apply, concat, equal, gather, identity, matmul, shapeOf, squeeze, transpose } from '../ops.ts';
import type { Graph, Tensor } from '../types.ts';
import { controlShapes } from './control.ts';
import { inferTypes } from './infer.ts';

// T = 5, B = 2, I = 3
const x = randomTensor([5, 2, 3]);
const free = { x: ['time', 'batch', 3] };
const steps = { x, h: randomTensor([2, 3]), w: randomTensor([3, 3]) };
const flag: Tensor = { elementType: 'bool', dims: [], data: Uint8Array.of(1) };

/** A graph without inputs, over values from outside. */
function branch(b: GraphBuilder, build: () => Value): { type: 'graph'; value: Graph } {
  const inner = new GraphBuilder(b.fresh('branch'), b);
  const outer = build();
  inner.output(inner.node('Identity', [outer])[0]!);
  return { type: 'graph', value: inner.build() };
}

const choose = (b: GraphBuilder, condition: Value, a: () => Value, otherwise: () => Value) =>
  b.node('If', [condition], { then_branch: branch(b, a), else_branch: branch(b, otherwise) })[0]!;

/** A Loop over states, its body written as a function. */
function repeat(
  trips: Value | undefined,
  condition: Value | undefined,
  states: Value[],
  step: (s: Value[]) => Value[],
) {
  const b = states[0]!.builder;
  const body = new GraphBuilder(b.fresh('body'), b);
  body.input(body.fresh('i'), 'int64', []);
  const go = body.input(body.fresh('go'), 'bool', []);
  const inner = states.map((s) => body.input(body.fresh('state'), s.type.elementType, s.type.shape));
  body.output(identity(go));
  for (const value of step(inner)) body.output(value);
  const value = body.build();
  return b.node('Loop', [trips, condition, ...states], { body: { type: 'graph', value } }, value.outputs.length - 1);
}

const cases: ShapeCase[] = [
  shapeCase(
    'Scan',
    'a state, two outputs',
    steps,
    ({ x: xs, h, w }) => loop([h], [xs], ([s], [row]) => [add(matmul(row!, w), s!), s!, transpose(s!, [1, 0])]),
    { free: { x: ['time', 'batch', 3], h: ['batch', 3] } },
  ),
  shapeCase('Scan', 'no state', steps, ({ x: xs }) => loop([], [xs], (_, [row]) => [apply('ReduceSum', [row])]), {
    free,
  }),
  shapeCase(
    'Loop',
    'a state and a stacked output',
    { ...steps, n: int64s([], [4]) },
    (v) => repeat(v.n, undefined, [v.h], ([s]) => [matmul(s!, v.w), transpose(s!, [1, 0])]),
    { free: { h: ['batch', 3] }, loose: true },
  ),
  shapeCase(
    'Loop',
    'a state that grows',
    { ...steps, flag, n: int64s([], [3]) },
    (v) => repeat(v.n, v.flag, [v.h], ([s]) => [concat([s!, s!], 0)]),
    { loose: true },
  ),
  shapeCase(
    'If',
    'branches of one shape',
    { ...steps, flag },
    (v, b) =>
      choose(
        b,
        v.flag,
        () => v.h,
        () => add(v.h, v.h),
      ),
    { free: { h: ['batch', 3] } },
  ),
  shapeCase(
    'If',
    'branches of two sizes',
    { ...steps, flag },
    (v, b) =>
      choose(
        b,
        v.flag,
        () => v.h,
        () => v.w,
      ),
    {
      loose: true,
    },
  ),
  shapeCase(
    'If',
    'branches of two ranks',
    { ...steps, flag },
    (v, b) =>
      choose(
        b,
        v.flag,
        () => v.h,
        () => v.x,
      ),
    {
      loose: true,
    },
  ),
  shapeCase(
    'If',
    'a condition that is known',
    { y: randomTensor([2, 1, 3]) },
    (v, b) => {
      const one = equal(gather(shapeOf(v.y), b.ints([1])), b.ints([1]));
      return choose(
        b,
        squeeze(one, [0]),
        () => squeeze(v.y, [1]),
        () => v.y,
      );
    },
    { free: { y: ['n', 1, 3] } },
  ),
];

describe('shapes of loops and branches', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(controlShapes)));
  });

  it('knows the batches of operator set 8', () => {
    const graph = graphOver(
      steps,
      (v, b) => {
        const body = new GraphBuilder('body', b);
        const [s, row] = [body.input('s', 'float32', [3]), body.input('row', 'float32', [3])];
        body.output(add(s, row));
        body.output(add(row, s));
        const attributes = { body: { type: 'graph' as const, value: body.build() }, num_scan_inputs: 1 };
        return b.node('Scan', [undefined, v.h, transpose(v.x, [1, 0, 2])], attributes, 2);
      },
      { h: ['batch', 3], x: ['time', 'batch', 3] },
    );
    const type = inferTypes(graph);
    expect(graph.outputs.map((o) => type(o.name)?.shape)).toEqual([
      ['batch', 3],
      ['batch', 'time', 3],
    ]);
  });
});

describe('loops that do not fit', () => {
  it('stop at scanned inputs of different lengths', () => {
    const inputs = { x, y: randomTensor([4, 2, 3]) };
    const build = () => graphOver(inputs, (v) => loop([], [v.x, v.y], (_, [a, b]) => [add(a!, b!)]));
    expect(build).toThrow(/Scan 'Scan_0' \(\[5, 2, 3\], \[4, 2, 3\]\): 5 and 4 steps to scan/);
  });

  it('stop at a node of the body that does not fit', () => {
    const build = () =>
      graphOver({ x, w: randomTensor([4, 4]) }, (v) => loop([], [v.x], (_, [row]) => [matmul(row!, v.w)]));
    expect(build).toThrow(/MatMul 'MatMul_0' \(\[2, 3\], \[4, 4\]\): the inner sizes differ: 3 and 4/);
  });
});
