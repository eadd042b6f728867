import { expect, it } from 'vitest';
import { expectSameGraph } from '../../../test/support/samePass.ts';
import { readSettings } from '../../config/readSettings.ts';
import { floats } from '../../graph/attributes.ts';
import type { Tensor } from '../../graph/types.ts';
import { wholeWeights } from '../../passes/wholeWeights.ts';
import { presets } from '../registry.ts';
import { freshModel, modelFrom } from './model.ts';

const words = Array.from({ length: 20 }, (_, i) => `w${i}`);
const vocabulary = { words, ids: new Map(words.map((word, id) => [word, id])) };
const configOf = (fields: object) => readSettings('x', { ...fields }, presets['zaremba-small']);

it('a first model has a place for every weight of the file', () => {
  const tied = configOf({ tied: true, hidden: [6, 6], embedding: 4 });
  const model = freshModel(tied, vocabulary);
  expect([...modelFrom(model, tied, vocabulary, 'a.onnx').graph.initializers]).toEqual([...model.graph.initializers]);
  // The last layer has come to the embedding's size, where a new model has no projection.
  const same = freshModel(configOf({ tied: true, hidden: [6, 4], embedding: 4 }), vocabulary);
  const projection = { elementType: 'float32', dims: [4, 4], data: new Float32Array(16) } as const;
  const initializers = new Map([...same.graph.initializers, ['projection.weight', projection]]);
  const shrunk = { ...same, graph: { ...same.graph, initializers } };
  expect(() => modelFrom(shrunk, configOf({ tied: true, hidden: [6, 4], embedding: 4 }), vocabulary, 'a.onnx')).toThrow(
    "--init a.onnx: the model of the configuration has no place for its 'projection.weight'",
  );
});

it.each(['lstm', 'gru', 'rnn'])('a bias that the file of a layer %s adds is a part of the first one', async (cell) => {
  const config = configOf({ cell, hidden: [3], embedding: 4, keep: 1 });
  const model = freshModel(config, vocabulary);
  const at = model.graph.nodes.findIndex(({ op }) => op === cell.toUpperCase());
  const node = model.graph.nodes[at]!;
  const length = 2 * model.graph.initializers.get(`${cell}_0.weight`)!.dims[1]!;
  const more = floats(
    [1, length],
    Array.from({ length }, (_, i) => (i % 5) / 10),
  );
  const sum = {
    ...{ op: 'Add', domain: '', name: 'sum', attributes: {} },
    inputs: [node.inputs[3]!, 'more'],
    outputs: ['all'],
  };
  const nodes = model.graph.nodes.toSpliced(at, 1, sum, { ...node, inputs: node.inputs.with(3, 'all') });
  const initializers = new Map([...model.graph.initializers, ['more', more as Tensor]]);
  const cut = { ...model, graph: wholeWeights({ ...model.graph, nodes, initializers }) };
  const begun = modelFrom(cut, config, vocabulary, 'a.onnx');
  const state: Tensor = floats([1, 2, 3], [0.1, 0.2, 0.3, -0.1, -0.2, -0.3]);
  const tokens: Tensor = { elementType: 'int32', dims: [2, 2], data: Int32Array.of(1, 2, 3, 4) };
  const feeds = { tokens, ...Object.fromEntries(model.graph.inputs.slice(1).map(({ name }) => [name, state])) };
  await expectSameGraph(cut.graph, begun.graph, feeds);
});
