import { expect, it } from 'vitest';
import { floats } from '../graph/attributes.ts';
import { groupSizes } from '../groups/measure.ts';
import { traceModel } from '../groups/traceModel.ts';
import { countParameters } from '../inspect/costs.ts';
import { bidaf, bidafSizes } from './bidaf.ts';
import { textClassifier } from './textClassifier.ts';

const vectors = floats([3, 100], Array(300).fill(0.1));

/** The sizes of the paper; vectors of words aside, which it does not train. */
const paper = {
  trainedWords: 1,
  wordSize: 100,
  characters: 2,
  wordLength: 16,
  characterSize: 8,
  filters: 100,
  filterWidth: 5,
};

it('has the parts of the reference: 2 570 000 weights without embeddings', () => {
  const { graph } = bidaf({ ...paper, hidden: [100] });
  const of = (prefix: string) =>
    [...graph.initializers].reduce((sum, [name, t]) => sum + (name.startsWith(prefix) ? t.data.length : 0), 0);
  expect(of('context')).toBe(240_800);
  expect(of('highway')).toBe(160_800);
  expect(of('filters')).toBe(4_100);
  expect(of('attention')).toBe(601);
  expect(of('modelling') + of('output') + of('start') + of('end')).toBe(2_164_402);
  expect(countParameters(graph)).toBeGreaterThan(2_570_000);
});

it('has the groups of Table 5, with the rows of a1 that read the second modelling layer', () => {
  const { groups, prepared } = traceModel(bidaf({ ...paper, hidden: [100], vectors }));
  const sizes = groupSizes(groups, prepared.graph);
  const found = groups.layers.map((l) => [l.name, new Set(l.components).size, sizes[l.components[0]!]]);
  expect(found.filter(([name]) => !`${name}`.startsWith('context'))).toEqual([
    ['modelling_0_forward', 100, 4800],
    ['modelling_0_reverse', 100, 4800],
    ['modelling_1_forward', 100, 4001],
    ['modelling_1_reverse', 100, 4001],
    ['output_forward', 100, 6401],
    ['output_reverse', 100, 6401],
  ]);
  expect(groups.layers.filter((l) => l.blocked !== undefined)).toEqual([]);
});

/** Tables 3 and 4: units of the modelling and output layers, forward and reverse, and millions of weights. */
const published: readonly (readonly [units: readonly number[], millions: string])[] = [
  [[100, 100, 100, 100, 100, 100], '2.69'],
  [[100, 95, 78, 82, 71, 52], '2.08'],
  [[84, 90, 38, 46, 34, 21], '1.48'],
  [[54, 47, 22, 30, 18, 12], '1.03'],
  [[52, 50, 19, 26, 15, 12], '1.01'],
  [[87, 81, 87, 92, 74, 96], '2.29'],
  [[51, 33, 42, 58, 37, 26], '1.17'],
  [[20, 33, 40, 38, 31, 16], '0.95'],
  [[23, 22, 35, 35, 25, 14], '0.88'],
];

it.each(published)('of %j units has the weights of the paper, %s million', (units, millions) => {
  // Embeddings of 114 800 to 117 400 weights fit all rows; the paper's code left the 200 rows of a1 as they were.
  const [, , first, second, forward, reverse] = units as [number, number, number, number, number, number];
  const { graph } = bidaf({ ...paper, trainedWords: 1150, characters: 100, hidden: [100, 100, ...units] });
  const rows = (200 - first - second) * 4 * (forward + reverse);
  expect(((countParameters(graph) + rows) / 1e6).toFixed(2)).toBe(millions);
});

it.each([[[7]], [[4, 5, 6, 7]], [[2, 3, 4, 5, 6, 7, 8, 9]]])('shows its sizes, with %j units', (hidden) => {
  const { wordSize, characterSize, filters, filterWidth } = paper;
  const sizes = bidafSizes(bidaf({ ...paper, hidden }))!;
  expect(sizes).toMatchObject({ wordSize, characterSize, filters, filterWidth });
  const { graph } = bidaf({ ...paper, hidden: sizes.hidden });
  const dimsOf = ({ initializers }: typeof graph) => [...initializers].map(([name, { dims }]) => [name, ...dims]);
  expect(dimsOf(graph)).toEqual(dimsOf(bidaf({ ...paper, hidden }).graph));
  expect(bidafSizes(textClassifier({ vocabulary: 9, classes: 2, embedding: 3, hidden: [3] }))).toBeUndefined();
});
