// What `set-evidence.mjs` trains: data sets, models, and the settings of each that were found on validation texts.

/**
 * Data sets: where they lie in the folder with the data, how they are read, and epochs and learning rate of each kind of
 * model. Fixed splits stay as they are. `hidden` are the units where they are not those of the presets, for time's sake.
 */
export const dataSets = {
  sanders: {
    path: 'sanders/tweets.csv',
    source: 'Sanders Twitter corpus (2011)',
    seeds: [1, 2, 3, 4, 5],
    args: ['--label', 'sentiment', '--max-length', '30', '--test-share', '0.2'],
    dense: { epochs: 5, rate: 0.002 },
    sparse: { epochs: 10, rate: 0.02 },
    small: { epochs: 10, rate: 0.01 },
  },
  amazon: {
    path: 'amazon-food/binary-train.csv',
    parts: ['--valid', 'amazon-food/binary-val.csv', '--test', 'amazon-food/binary-test.csv'],
    source: 'Amazon fine food reviews, balanced, two classes',
    seeds: [1, 2, 3, 4, 5],
    args: ['--label', 'sentiment', '--max-length', '100'],
    dense: { epochs: 4, rate: 0.002 },
    sparse: { epochs: 8, rate: 0.01 },
    small: { epochs: 8, rate: 0.01 },
  },
  yelp: {
    path: 'yelp/reviews.csv.gz',
    source: 'Yelp reviews, a sample of 10 000, five classes',
    seeds: [1, 2, 3, 4, 5],
    hidden: 64,
    args: ['--label', 'stars', '--max-length', '120', '--test-share', '0.2'],
    dense: { epochs: 3, rate: 0.002 },
    sparse: { epochs: 6, rate: 0.01 },
    small: { epochs: 6, rate: 0.01 },
  },
  imdb: {
    path: 'imdb',
    source: 'Large Movie Review Dataset (Maas et al. 2011)',
    seeds: [1, 2, 3],
    hidden: 64,
    args: ['--max-length', '150'],
    dense: { epochs: 2, rate: 0.002 },
    sparse: { epochs: 4, rate: 0.01 },
    small: { epochs: 4, rate: 0.01 },
  },
};

/** Models by name, in the order of the table; `small` is made from what SET has left. */
export const models = {
  dense: { label: 'dense', settings: 'dense', args: ['dense-lstm'] },
  set: { label: 'SET', settings: 'sparse', args: ['set-lstm'] },
  static: { label: 'static sparse topology', settings: 'sparse', args: ['set-lstm', '--set-rule', 'static'] },
  small: { label: 'small dense, as many parameters', settings: 'small', after: 'set', args: ['dense-lstm'] },
};

/**
 * Flags of the dense model whose parameters are nearest to those of the sparse one, hidden size and embedding alike.
 * `words` and `classes` are those of its data.
 */
export function smallSizes(parameters, { vocabulary: words, classes }) {
  const sizeOf = (h) => words * h + 4 * h * (2 * h + 1) + classes * (h + 1);
  let best = 1;
  for (let h = 2; h <= 256; h++) if (Math.abs(sizeOf(h) - parameters) < Math.abs(sizeOf(best) - parameters)) best = h;
  return ['--hidden', String(best), '--embedding', String(best)];
}
