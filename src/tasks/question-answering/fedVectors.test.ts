import { describe, expect, it } from 'vitest';
import { torchBidafModel } from '../../../test/fixtures/torch/bidaf.ts';
import { WORD_VECTORS } from '../../models/bidaf.ts';
import { hasVectors, vectorSizeOf, withFedVectors, withoutVectorTable, withVectorTable } from './fedVectors.ts';

const model = torchBidafModel();
const table = model.graph.initializers.get(WORD_VECTORS)!;

describe('a table of word vectors', () => {
  it('leaves the file as an input, and comes back', () => {
    const open = withoutVectorTable(model);
    expect(open.graph.initializers.has(WORD_VECTORS)).toBe(false);
    expect(open.graph.inputs.at(-1)).toMatchObject({ name: WORD_VECTORS, type: { shape: table.dims } });
    expect(vectorSizeOf(open.graph)).toBe(table.dims[1]);
    const whole = withVectorTable(open, table)!;
    expect(whole.graph.inputs).toEqual(model.graph.inputs);
    expect(whole.graph.initializers.get(WORD_VECTORS)).toBe(table);
  });

  it('takes the place of the same one, rounded or not, and of no other', () => {
    const moved = (by: number) => ({ ...table, data: (table.data as Float32Array).map((x) => x * (1 + by)) });
    const rounded = withVectorTable(model, moved(2 ** -12))!;
    expect(rounded.graph.initializers.get(WORD_VECTORS)!.data).toEqual(moved(2 ** -12).data);
    expect(withVectorTable(model, moved(0.1))).toBeUndefined();
  });

  it('knows its own vectors, rounded or not, as far as it has the words', () => {
    const [rows, size] = table.dims as [number, number];
    const words = Array.from({ length: rows }, (_, i) => `word ${i}`);
    const row = (i: number, factor = 1) =>
      (table.data as Float32Array).slice(i * size, (i + 1) * size).map((x) => x * factor);
    const given = (...vectors: [string, Float32Array][]) => ({ size, vectors: new Map(vectors) });
    expect(hasVectors(model.graph, words, given(['word 1', row(1, 1 + 2 ** -12)], ['other', row(0)]))).toBe(true);
    expect(hasVectors(model.graph, words, given(['word 0', row(0)], ['word 1', row(1, 2)]))).toBe(false);
    expect(hasVectors(withoutVectorTable(model).graph, words, given(['word 1', row(0)]))).toBe(true);
  });

  it('is put into no model that takes none', () => {
    const fed = { ...model, graph: withFedVectors(model.graph) };
    expect(withVectorTable(fed, table)).toBe(fed);
    expect(withoutVectorTable(fed)).toBe(fed);
    expect(withFedVectors(fed.graph)).toBe(fed.graph);
  });

  it('makes way for vectors that are fed, whether it is in the file or an input', () => {
    const names = withFedVectors(model.graph).inputs.map(({ name }) => name);
    expect(names).toContain('passage_vectors_fed');
    expect(names).toContain('question_vectors_fed');
    expect(names).not.toContain(WORD_VECTORS);
    expect(withFedVectors(withoutVectorTable(model).graph).inputs.map(({ name }) => name)).toEqual(names);
  });
});
