import { describe, expect, it } from 'vitest';
import { loop, randomTensor } from '../../test/support/graphs.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { apply, concat, gather, shapeOf, split, transpose } from '../graph/ops.ts';
import type { Dim, ElementType, Graph } from '../graph/types.ts';
import { languageModel } from '../models/languageModel.ts';
import { dimRoles, freeDims } from './dimRoles.ts';

type Inputs = Record<string, readonly [ElementType, ...Dim[]]>;

/** A graph over inputs of these shapes. */
function graphOf(inputs: Inputs, make: (b: GraphBuilder, v: Record<string, Value>) => Value): Graph {
  const b = new GraphBuilder('roles');
  const values = Object.entries(inputs).map(([name, [type, ...shape]]) => [name, b.input(name, type, shape)] as const);
  b.output(make(b, Object.fromEntries(values)), 'y');
  return b.build();
}

/** An LSTM of 2 units over 3 numbers a step, with lengths and states where they are given. */
function lstm(b: GraphBuilder, x: Value, { lengths, h, c }: Record<string, Value> = {}, layout = 0): Value {
  const w = b.parameter('W', randomTensor([1, 8, 3], 1));
  const r = b.parameter('R', randomTensor([1, 8, 2], 2));
  return apply('LSTM', [x, w, r, undefined, lengths, h, c], { hidden_size: 2, layout });
}

const rolesOf = (graph: Graph) => Object.fromEntries(dimRoles(graph));

describe('free dimensions', () => {
  it('are listed once, those inside of products too', () => {
    const graph = graphOf({ a: ['float32', 'n', 3, 'm'], b: ['float32', '2*n*k'], c: ['float32', '(p+1)'] }, (_, v) =>
      apply('Identity', [v.a!]),
    );
    expect(freeDims(graph)).toEqual(['n', 'm', 'k', 'p']);
  });

  it('are known by name', () => {
    expect(rolesOf(languageModel({ vocabulary: 5, embedding: 2, hidden: [2] }).graph)).toEqual({
      time: 'time',
      batch: 'batch',
    });
    const graph = graphOf({ a: ['float32', 'seq_len', 'N', 'silly_batch_steps', 'unk__3'] }, (_, v) =>
      apply('Identity', [v.a!]),
    );
    expect(rolesOf(graph)).toEqual({ seq_len: 'time', N: 'batch' });
  });

  it('are known by where an LSTM reads them, with its lengths and states', () => {
    const inputs: Inputs = {
      x: ['float32', 'p', 'q', 3],
      lengths: ['int32', '?lengths_0'],
      h: ['float32', 1, '?h_1', 2],
      c: ['float32', 1, '?c_1', 2],
    };
    expect(rolesOf(graphOf(inputs, (b, v) => lstm(b, v.x!, v)))).toEqual({
      p: 'time',
      q: 'batch',
      '?lengths_0': 'batch',
      '?h_1': 'batch',
      '?c_1': 'batch',
    });
  });

  it('are followed through operators: batch first, names of inputs that tell nothing', () => {
    const graph = graphOf({ timestamps: ['float32', '?timestamps_0', '?timestamps_1', 3] }, (b, { timestamps }) =>
      lstm(b, transpose(apply('Relu', [timestamps!]), [1, 0, 2])),
    );
    expect(rolesOf(graph)).toEqual({ '?timestamps_0': 'batch', '?timestamps_1': 'time' });
  });

  it('are known from layout 1', () => {
    const graph = graphOf({ x: ['float32', 'p', 'q', 3] }, (b, v) => lstm(b, v.x!, {}, 1));
    expect(rolesOf(graph)).toEqual({ p: 'batch', q: 'time' });
  });

  it('are steps where a loop goes over them', () => {
    const graph = graphOf({ h: ['float32', 'rows', 3], x: ['float32', 'many', 'rows', 3] }, (_, v) => {
      const [y] = loop([v.h!], [v.x!], ([h], [x]) => [apply('Add', [h!, x!])]);
      return y!;
    });
    expect(rolesOf(graph)).toEqual({ many: 'time', rows: 'batch' });
  });

  it('are turns where a loop counts them', () => {
    const graph = graphOf({ x: ['float32', 'p', 'q', 3] }, (b, v) => {
      const [steps, rows] = split(shapeOf(v.x!), [1, 1, 1], 0);
      const zero = apply('ConstantOfShape', [concat([rows!, b.ints([2])], 0)]);
      const body = new GraphBuilder('body', b);
      const turn = body.input('turn', 'int64', []);
      const go = body.input('go', 'bool', []);
      const h = body.input('h', 'float32', ['rows', 2]);
      const w = b.parameter('w', randomTensor([3, 2]));
      body.output(apply('Identity', [go]));
      body.output(apply('Add', [h, apply('MatMul', [gather(v.x!, turn), w])]));
      const yes = b.constant({ elementType: 'bool', dims: [], data: Uint8Array.of(1) });
      const inputs = [apply('Squeeze', [steps!]), yes, zero];
      return b.node('Loop', inputs, { body: { type: 'graph', value: body.build() } })[0]!;
    });
    expect(rolesOf(graph)).toEqual({ p: 'time', q: 'batch' });
  });

  it('are guessed from the layout of other inputs', () => {
    const withMask = (x: Dim[], mask: Dim[], speaker: Dim[]) =>
      graphOf({ x: ['float32', ...x, 3], mask: ['bool', ...mask], speaker: ['int64', ...speaker] }, (b, v) =>
        lstm(b, x[0] === 'p' ? transpose(v.x!, [1, 0, 2]) : v.x!),
      );
    expect(rolesOf(withMask(['p', 'q'], ['r', 's'], ['u']))).toEqual({
      ...{ p: 'batch', q: 'time' },
      ...{ r: 'batch', s: 'time', u: 'batch' },
    });
    // With time in front, one dimension may be either.
    expect(rolesOf(withMask(['v', 'w'], ['r', 's'], ['u']))).toEqual({
      ...{ v: 'time', w: 'batch' },
      ...{ r: 'time', s: 'batch' },
    });
  });

  it('are the same where they meet in an operator', () => {
    const meet = (inputs: Inputs) =>
      rolesOf(graphOf(inputs, (_, v) => apply('Add', [concat([v.h!, v.h!], 0), apply('Mul', [v.x!, v.g!])])));
    const h: Inputs[string] = ['float32', 2, '?h_1', 3];
    expect(meet({ x: ['float32', '?x_0', 3], g: ['float32', 'batch', 3], h })).toEqual({
      ...{ batch: 'batch', '?x_0': 'batch', '?h_1': 'batch' },
    });
    // Names differ about what must be equal: each keeps its own meaning, the nameless one has none.
    expect(meet({ x: ['float32', 'time', 3], g: ['float32', 'batch', 3], h })).toEqual({
      time: 'time',
      batch: 'batch',
    });
  });

  it('are the batch beside time', () => {
    const graph = graphOf({ x: ['float32', 'p', 'time', 3], z: ['float32', 'batch', 'q', 3] }, (_, v) =>
      apply('Relu', [v.x!]),
    );
    expect(rolesOf(graph)).toEqual({ p: 'batch', time: 'time', batch: 'batch' });
  });

  it('stay open where nothing tells, or operators contradict', () => {
    const dense = graphOf({ x: ['float32', 'p', 'q', 3] }, (_, v) => apply('Relu', [v.x!]));
    expect(rolesOf(dense)).toEqual({});
    const both = graphOf({ x: ['float32', 'p', 'p', 3] }, (b, v) => lstm(b, v.x!));
    expect(rolesOf(both)).toEqual({});
    const rows = graphOf({ x: ['float32', 'rows', 3] }, (_, v) => apply('Relu', [v.x!]));
    expect(rolesOf(rows)).toEqual({ rows: 'batch' });
  });

  it('are found behind and beside operators that nobody knows', () => {
    const graph = graphOf({ x: ['float32', 'p', 'q', 3], z: ['float32', 'r', 's'] }, (b, v) => lstm(b, v.x!));
    const strange = { op: 'Strange', domain: 'my', name: 's', inputs: ['z'], outputs: ['s'], attributes: {} };
    const after = { op: 'MatMul', domain: '', name: 'm', inputs: ['s', 'nothing'], outputs: ['m'], attributes: {} };
    expect(rolesOf({ ...graph, nodes: [strange, after, ...graph.nodes] })).toMatchObject({ p: 'time', q: 'batch' });
  });
});
