import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../test/support/graphs.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { add, apply, concat, gather, matmul, reshape, squeeze, transpose, unsqueeze } from '../graph/ops.ts';
import type { Dim, Graph } from '../graph/types.ts';
import { batchAxes, fixedBatch } from './batchAxes.ts';

/** A graph over float32 inputs of these shapes. */
function graphOf(
  inputs: Readonly<Record<string, readonly Dim[]>>,
  make: (b: GraphBuilder, v: Record<string, Value>) => Value,
): Graph {
  const b = new GraphBuilder('axes');
  const values = Object.entries(inputs).map(([name, shape]) => [name, b.input(name, 'float32', shape)] as const);
  b.output(make(b, Object.fromEntries(values)), 'y');
  return b.build();
}

/** An LSTM of 2 units over `features` numbers a step. */
function lstm(b: GraphBuilder, x: Value, features = 3, h?: Value, layout = 0): Value {
  const w = b.parameter('W', randomTensor([1, 8, features], 1));
  const r = b.parameter('R', randomTensor([1, 8, 2], 2));
  return apply('LSTM', [x, w, r, undefined, undefined, h, h], { hidden_size: 2, layout });
}

const axesOf = (graph: Graph) => Object.fromEntries(batchAxes(graph));
const turned = (x: Value) => transpose(x, [1, 0, 2]);

describe('the batch axis of an input', () => {
  it.each<[string, readonly Dim[], (b: GraphBuilder, x: Value) => Value, unknown]>([
    ['is what an LSTM reads, time first, unnamed', ['s0', 's1', 3], (b, x) => lstm(b, x), 1],
    ['is what an LSTM reads, batch first', ['s77', 's27', 3], (b, x) => lstm(b, turned(x)), 0],
    ['is what an LSTM reads in layout 1', ['p', 'q', 3], (b, x) => lstm(b, x, 3, undefined, 1), 0],
    ['is found in names that the exporter made', ['batch_dynamic_axes_1', 'q', 3], (b, x) => lstm(b, x), 1],
    ['is an axis fixed at 1 beside time', ['time', 1, 3], (b, x) => lstm(b, x), 1],
    ['is an axis fixed at 1 in front of time', [1, 'time', 3], (b, x) => lstm(b, turned(x)), 0],
    ['is an axis fixed at 4', [7, 4, 3], (b, x) => lstm(b, x), 1],
    ['goes through Reshape', ['s0', 's1', 6], (b, x) => lstm(b, turned(reshape(x, [0, -1, 6])), 6), 0],
    [
      'goes through a lookup',
      ['s0', 's1'],
      (b, x) => lstm(b, gather(b.parameter('E', randomTensor([9, 3], 3)), apply('Cast', [x], { to: 7 }))),
      1,
    ],
    ['is none where the graph makes the batch', ['s0', 3], (b, x) => squeeze(lstm(b, unsqueeze(x, [1])), [2]), 'none'],
    ['is the name where no layer tells', ['p', 'N', 3], (_, x) => apply('Relu', [x]), 1],
    ['is no axis that is called time', ['time', 'p', 3], (_, x) => apply('Relu', [x]), 1],
    ['is the axis fixed at 1 where no layer tells', ['time', 1, 3], (_, x) => apply('Relu', [x]), 1],
    ['is the first of fixed ones', [8, 5, 3], (_, x) => apply('Relu', [x]), 0],
  ])('%s', (_, shape, make, axis) => {
    expect(axesOf(graphOf({ x: shape }, (b, v) => make(b, v.x!)))).toEqual({ x: axis });
  });

  it('is unclear where a name says otherwise than the layer, and where nothing tells', () => {
    const wrong = graphOf({ x: ['batch', 'p', 3] }, (b, v) => lstm(b, v.x!));
    expect(axesOf(wrong)).toEqual({ x: { unclear: expect.stringMatching(/axis 0 is called 'batch'.*the steps/) } });
    const dense = graphOf({ x: ['p', 'q', 3] }, (_, v) => apply('Relu', [v.x!]));
    expect(axesOf(dense)).toEqual({ x: { unclear: 'nothing tells p from q' } });
  });

  it('is that of examples where a layer runs over another axis', () => {
    // Frequencies [B, T, F, 3]: one layer over F for each frame, one over T for each frequency.
    const graph = graphOf({ x: ['s0', 's1', 5, 3] }, (b, { x }) => {
      const frames = reshape(x!, [-1, 5, 3]);
      const w = b.parameter('W1', randomTensor([1, 8, 3], 1));
      const r = b.parameter('R1', randomTensor([1, 8, 2], 2));
      const inner = apply('LSTM', [turned(frames), w, r], { hidden_size: 2 });
      const outer = lstm(b, reshape(transpose(x!, [1, 0, 2, 3]), [0, -1, 3]));
      return add(apply('ReduceSum', [inner], { keepdims: 0 }), outer);
    });
    expect(axesOf(graph)).toEqual({ x: 0 });
  });

  it('is found for states, by the layer or by what they meet', () => {
    const given = graphOf({ x: ['p', 1, 3], h: [1, 1, 2] }, (b, v) => lstm(b, v.x!, 3, v.h!));
    expect(axesOf(given)).toEqual({ x: 1, h: 1 });
    // A cell that was taken apart: no layer reads its state.
    const cell = graphOf({ x: ['batch', 3], h: [2, 1, 4] }, (b, { x, h }) => {
      const last = squeeze(gather(h!, b.ints([1])), [0]);
      return matmul(concat([x!, last], 1), b.parameter('w', randomTensor([7, 4], 1)));
    });
    expect(axesOf(cell)).toEqual({ x: 0, h: 1 });
  });

  it('is found inside branches', () => {
    const graph = graphOf({ x: ['p', 'q', 3] }, (b, { x }) => {
      const branch = (name: string) => {
        const body = new GraphBuilder(name, b);
        const w = body.parameter(`${name}.W`, randomTensor([1, 8, 3], 1));
        const r = body.parameter(`${name}.R`, randomTensor([1, 8, 2], 2));
        body.output(
          apply(
            'LSTM',
            [x!, w, r].map((v) => body.value(v.name)),
            { hidden_size: 2 },
          ),
        );
        return { type: 'graph', value: body.build() } as const;
      };
      const isLong = apply('Greater', [apply('ReduceSum', [x!], { keepdims: 0 }), b.constant(randomTensor([], 1))]);
      return b.node('If', [isLong], { then_branch: branch('a'), else_branch: branch('b') })[0]!;
    });
    expect(axesOf(graph)).toEqual({ x: 1 });
  });
});

describe('a fixed batch', () => {
  it('is that of all inputs', () => {
    const of = (x: Dim[], h: Dim[]) => fixedBatch(graphOf({ x, h }, (b, v) => lstm(b, v.x!, 3, v.h!)));
    expect(of(['p', 1, 3], [1, 1, 2])).toBe(1);
    expect(of([5, 4, 3], [1, 4, 2])).toBe(4);
    expect(of(['p', 'q', 3], [1, 'q', 2])).toBeUndefined();
  });
});
