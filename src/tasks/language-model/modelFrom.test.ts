import { expect, it } from 'vitest';
import { readSettings } from '../../config/readSettings.ts';
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
