import { describe, expect, it } from 'vitest';
import { either } from '../../test/support/graphs.ts';
import { constantNode, floats, int64s } from '../graph/attributes.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, cast, gather, identity, matmul, reshape, tanh, transpose } from '../graph/ops.ts';
import type { Attribute, Graph, Model, Node, Tensor } from '../graph/types.ts';
import { costsOf } from './costs.ts';

const ones = (dims: readonly number[]): Tensor => {
  const size = dims.reduce((a, b) => a * b, 1);
  return { elementType: 'float32', dims, data: new Float32Array(size).fill(1) };
};
const half = (dims: readonly number[]): Tensor => {
  const size = dims.reduce((a, b) => a * b, 1);
  return { elementType: 'float16', dims, data: new Uint16Array(size).fill(0x3c00) };
};

/** A model of one operator with a stored second operand. */
function single(op: string, weight: Tensor, attributes: Record<string, Attribute> = {}, domain = ''): Model {
  const node: Node = { op, domain, name: op, inputs: ['x', 'w'], outputs: ['y'], attributes };
  const x = { name: 'x', type: { elementType: 'float32' as const, shape: undefined } };
  return modelOf({
    name: 'single',
    inputs: [x],
    outputs: [{ ...x, name: 'y' }],
    initializers: new Map([['w', weight]]),
    nodes: [node],
  });
}

describe('costsOf', () => {
  it('counts weights in constants and in 16 bits, but no scalars, integers and zeros', () => {
    const b = new GraphBuilder('g');
    let x = matmul(b.input('x', 'float32', ['batch', 4]), b.constant(ones([4, 6])));
    x = add(add(x, b.constant(floats([6], [0, 0, 0, 0, 0, 0]))), b.float(2));
    x = add(x, b.parameter('bias', { ...ones([6]), data: new Float32Array(6) }));
    b.output(reshape(matmul(cast(x, 'float16'), b.parameter('head', half([6, 3]))), [-1, 3]));
    expect(costsOf(modelOf(b.build()))).toEqual({ parameters: 24 + 6 + 18, multiplyAdds: 24 + 18 });
  });

  it('follows weights through operators that move them, and counts a tied embedding once as a product', () => {
    const b = new GraphBuilder('g');
    const table = b.parameter('table', half([10, 4]));
    const x = cast(gather(table, b.input('ids', 'int64', ['batch'])), 'float32');
    const gates = b.parameter('gates', ones([4, 2, 4]));
    const square = reshape(transpose(gates, [1, 0, 2]), [8, 4]);
    const hidden = matmul(x, transpose(square, [1, 0]));
    b.output(matmul(matmul(hidden, b.parameter('down', ones([8, 4]))), transpose(cast(table, 'float32'), [1, 0])));
    expect(costsOf(modelOf(b.build()))).toEqual({ parameters: 40 + 32 + 32, multiplyAdds: 32 + 32 + 40 });
  });

  it('counts each weight of a convolution once, and nothing for operators of other domains', () => {
    expect(costsOf(single('Conv', ones([8, 3, 5])))).toEqual({ parameters: 120, multiplyAdds: 120 });
    expect(costsOf(single('MatMul', ones([4, 4]), {}, 'com.example'))).toEqual({ parameters: 16, multiplyAdds: 0 });
    expect(costsOf(single('Mul', ones([4])))).toEqual({ parameters: 4, multiplyAdds: 0 });
  });

  it('counts one of the two biases of a recurrent operator, two of three more in a GRU that resets late', () => {
    const recurrent = (op: string, gates: number, attributes: Record<string, Attribute>): Model => {
      const base = single(op, ones([1, gates * 2, 3]), { hidden_size: { type: 'int', value: 2 }, ...attributes });
      const node: Node = { ...base.graph.nodes[0]!, inputs: ['x', 'w', 'r', 'b'] };
      const initializers = new Map(base.graph.initializers)
        .set('r', ones([1, gates * 2, 2]))
        .set('b', ones([1, 2 * gates * 2]));
      return { ...base, graph: { ...base.graph, initializers, nodes: [node] } };
    };
    expect(costsOf(recurrent('LSTM', 4, {})).parameters).toBe(24 + 16 + 8);
    expect(costsOf(recurrent('GRU', 3, {})).parameters).toBe(18 + 12 + 6);
    const late = costsOf(recurrent('GRU', 3, { linear_before_reset: { type: 'int', value: 1 } }));
    expect(late).toEqual({ parameters: 18 + 12 + 8, multiplyAdds: 18 + 12 });
  });

  it('counts bodies: once per step of a loop, the dearer branch of a condition', () => {
    const branch = (width: number): Graph => {
      const b = new GraphBuilder(`branch_${width}`);
      const x = b.input(`x_${width}`, 'float32', [1, 2]);
      b.output(tanh(matmul(x, b.parameter(`w_${width}`, ones([2, width])))));
      return b.build();
    };
    const graph = (value: Graph): Attribute => ({ type: 'graph', value });
    const body: Graph = {
      ...single('MatMul', ones([3, 3])).graph,
      initializers: new Map(),
      nodes: [
        constantNode('own', ones([2, 2])),
        { op: 'MatMul', domain: '', name: 'a', inputs: ['x', 'own'], outputs: ['a'], attributes: {} },
        { op: 'MatMul', domain: '', name: 'b', inputs: ['x', 'w'], outputs: ['b'], attributes: {} },
      ],
    };
    const loop = single('Loop', ones([3, 3]), { body: graph(body) });
    expect(costsOf(loop)).toEqual({ parameters: 13, multiplyAdds: 13 });
    const condition = single('If', ones([1]), { then_branch: graph(branch(3)), else_branch: graph(branch(5)) });
    expect(costsOf(condition)).toEqual({ parameters: 1 + 6 + 10, multiplyAdds: 10 });
  });

  it('counts weights that a loop hands from step to step, and those that a branch chooses', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['batch', 3]);
    const matrices = [b.parameter('w', ones([3, 3])), b.parameter('v', ones([3, 3]))];
    const chosen = either(b.input('flag', 'bool', []), [
      (_, of) => identity(of(matrices[0]!)),
      (_, of) => identity(of(matrices[1]!)),
    ])[0]!;
    const body = new GraphBuilder('body', b);
    body.input('at', 'int64', []);
    const go = body.input('go', 'bool', []);
    const [h, u] = [body.input('h', 'float32', ['batch', 3]), body.input('u', 'float32', [3, 3])];
    for (const value of [identity(go), tanh(matmul(h, u)), identity(u)]) body.output(value);
    const trips = b.constant(int64s([], [4]));
    const attributes = { body: { type: 'graph', value: body.build() } } as const;
    const [last, same] = b.node('Loop', [trips, undefined, x, chosen], attributes, 2);
    b.output(matmul(last!, same!));
    expect(costsOf(modelOf(b.build()))).toEqual({ parameters: 18, multiplyAdds: 18 });
  });
});
