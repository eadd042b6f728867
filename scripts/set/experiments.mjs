// What `set-evidence.mjs` trains: data sets, models, and the settings of each that were found on validation texts.

/** Data sets: where they lie in the folder with the data, and how they are read. The fixed splits stay as they are. */
export const dataSets = {
  sanders: {
    path: 'sanders/tweets.csv',
    source: 'Sanders Twitter corpus (2011)',
    seeds: [1, 2, 3, 4, 5],
    args: ['--label', 'sentiment', '--max-length', '30', '--test-share', '0.2'],
    epochs: { dense: 5, sparse: 10 },
  },
  amazon: {
    path: 'amazon-food/binary-train.csv',
    parts: ['--valid', 'amazon-food/binary-val.csv', '--test', 'amazon-food/binary-test.csv'],
    source: 'Amazon fine food reviews, balanced, two classes',
    seeds: [1, 2, 3, 4, 5],
    args: ['--label', 'sentiment', '--max-length', '100'],
    epochs: { dense: 4, sparse: 10 },
  },
  yelp: {
    path: 'yelp/reviews.csv.gz',
    source: 'Yelp reviews, a sample of 10 000, five classes',
    seeds: [1, 2, 3],
    args: ['--label', 'stars', '--max-length', '100', '--test-share', '0.2'],
    epochs: { dense: 3, sparse: 6 },
  },
  imdb: {
    path: 'imdb',
    source: 'Large Movie Review Dataset (Maas et al. 2011)',
    seeds: [1, 2, 3],
    args: ['--max-length', '100'],
    epochs: { dense: 2, sparse: 4 },
  },
};

const sparse = ['set-lstm', '--learning-rate', '0.005', '--schedule', 'cosine'];

/** Models by name, in the order of the table; `small` is made from what SET has left. */
export const models = {
  dense: { label: 'dense', kind: 'dense', args: ['dense-lstm', '--learning-rate', '0.002', '--schedule', 'cosine'] },
  set: { label: 'SET', kind: 'sparse', args: sparse },
  static: { label: 'static sparse topology', kind: 'sparse', args: [...sparse, '--set-rule', 'static'] },
  small: {
    label: 'small dense, as many parameters',
    kind: 'dense',
    after: 'set',
    args: ['dense-lstm', '--learning-rate', '0.005', '--schedule', 'cosine'],
  },
};

/**
 * Flags of the dense model whose parameters are nearest to those of the sparse one: hidden size and embedding alike, as
 * in the large model. `words` and `classes` are those of its data.
 */
export function smallSizes(parameters, { vocabulary: words, classes }) {
  const sizeOf = (h) => words * h + 4 * h * (2 * h + 1) + classes * (h + 1);
  let best = 1;
  for (let h = 2; h <= 256; h++) if (Math.abs(sizeOf(h) - parameters) < Math.abs(sizeOf(best) - parameters)) best = h;
  return ['--hidden', String(best), '--embedding', String(best)];
}
