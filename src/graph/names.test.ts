import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './builder.ts';
import { Names, nodeTitle } from './names.ts';
import { relu } from './ops.ts';

describe('Names', () => {
  it('gives the wanted name while it is free, then numbers', () => {
    const names = new Names();
    names.add('x');
    expect([names.unique('x'), names.unique('x'), names.unique('y'), names.unique('y')]).toEqual([
      'x_1',
      'x_2',
      'y',
      'y_1',
    ]);
  });

  it('numbers nodes so that their outputs are free, too', () => {
    const names = new Names();
    names.add('Relu_0_out');
    expect([names.numbered('Relu'), names.numbered('Relu')]).toEqual(['Relu_1', 'Relu_2']);
  });

  it('takes all names of a graph, those of graphs inside and of values from outside included', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', [1]);
    const body = new GraphBuilder('body', b);
    body.output(relu({ ...x, builder: body }));
    b.node('If', [b.input('c', 'bool', [])], { then_branch: { type: 'graph', value: body.build() } }, ['y']);
    const names = new Names();
    names.addGraph({ ...b.build(), outputs: [] });
    expect(['x', 'y', 'Relu_0', 'Relu_0_out'].map((name) => names.unique(name))).toEqual([
      'x_1',
      'y_1',
      'Relu_0_1',
      'Relu_0_out_1',
    ]);
  });
});

it('nodeTitle is the name, else that of the first output', () => {
  const node = { op: 'Split', domain: '', name: '', inputs: [], outputs: ['', 'b'], attributes: {} };
  expect([nodeTitle({ ...node, name: 'n' }), nodeTitle(node), nodeTitle({ ...node, outputs: [] })]).toEqual([
    'n',
    'b',
    'Split',
  ]);
});
