import { expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../../test/support/graphs.ts';
import type { Value } from '../../graph/builder.ts';
import { add, reduceMean, reshape, sigmoid, squeeze, transpose } from '../../graph/ops.ts';
import { ending } from './endings.ts';

const x = randomTensor([2, 3, 1]);

it.each<[string, (x: Value) => Value, string, number]>([
  ['itself', sigmoid, 'Sigmoid', 0],
  ['what moves it', (v) => reshape(transpose(sigmoid(v), [1, 0, 2]), [-1]), 'Sigmoid', 2],
  ['a mean of one', (v) => squeeze(reduceMean(sigmoid(v), [2], true), [2]), 'Sigmoid', 2],
  ['a mean of several', (v) => reduceMean(sigmoid(v), [1]), 'ReduceMean', 0],
  ['something else', (v) => add(sigmoid(v), 1), 'Add', 0],
])('an activation is found behind %s', (_, end, op, moved) => {
  const graph = graphOver({ x }, (v) => [end(v.x)]);
  const { activation, moves } = ending(graph, graph.outputs[0]!.name);
  expect([activation?.op, moves.length]).toEqual([op, moved]);
});
