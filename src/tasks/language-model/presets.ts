import type { Settings } from '../../base/fields.ts';

const common = { learningRate: 1, batch: 20, iss: 0 };

/** Two layers of a size, which is the embedding's too, as Zaremba et al. (2014) have them. */
const sized = (size: number, rest: Settings) => ({ ...common, hidden: [size, size], embedding: size, ...rest });

const small = sized(200, { initScale: 0.1, clip: 5, steps: 20, flatEpochs: 4, epochs: 13, keep: 1, decay: 0.5 });
const medium = sized(650, { initScale: 0.05, clip: 5, steps: 35, flatEpochs: 6, epochs: 39, keep: 0.5, decay: 0.8 });
const large = sized(1500, {
  initScale: 0.04,
  clip: 10,
  steps: 35,
  flatEpochs: 14,
  epochs: 55,
  keep: 0.35,
  decay: 1 / 1.15,
});

/** Zilly et al. (2017): width 830, depth 10, tied embedding, variational dropout; the weight decay of 1e-7 is left out. */
const rhn = {
  ...common,
  cell: 'rhn',
  hidden: [830],
  embedding: 830,
  depth: 10,
  transformBias: -2,
  initScale: 0.04,
  learningRate: 0.2,
  clip: 10,
  steps: 35,
  flatEpochs: 20,
  epochs: 500,
  keep: 0.25,
  keepWords: 0.75,
  keepState: 0.75,
  decay: 1 / 1.02,
  threshold: 4e-4,
};

/**
 * What language models learned after Zaremba et al. (Merity et al. 2018): one matrix for words in and out, variational
 * dropout, weight drop, averaged SGD; with ISS on every layer and on the columns of the embedding. Not yet measured
 * on Penn Treebank.
 */
const modernSmall = {
  ...common,
  hidden: [300, 300],
  embedding: 200,
  tied: true,
  variational: true,
  forgetBias: 1,
  initScale: 0.05,
  clip: 5,
  steps: 35,
  shiftWindows: true,
  epochs: 40,
  schedule: 'constant',
  keep: 0.65,
  keepWords: 0.9,
  keepRecurrent: 0.7,
  optimizer: 'asgd',
  nonMonotone: 5,
  iss: 0.001,
  proximal: true,
  issEmbedding: true,
};

/** The same for models of two layers of 650. */
const modernMedium = {
  ...modernSmall,
  hidden: [650, 650],
  embedding: 400,
  keep: 0.5,
  keepWords: 0.85,
  keepRecurrent: 0.5,
  iss: 0.0005,
};

/**
 * Named configurations: the three of Zaremba et al. (2014) and each with ISS. λ is on their loss scale (cross entropy
 * summed over the steps of a window, averaged over the batch). ISS regularises too, so dropout is weaker with it.
 * `iss-large` is the ISS paper's; λ of `iss-small` is measured in results/; `iss-medium` interpolates between them.
 * `direct-large` is the paper's direct design: a dense model of the sizes that ISS found. `rhn-sota` and `rhn-iss` are the
 * Recurrent Highway Networks of the ISS paper, whose dropout is weaker with ISS by a factor of 0.6; `rhn-small` trains
 * in an hour.
 */
export const presets: Readonly<Record<string, Settings>> = {
  'zaremba-small': small,
  'zaremba-medium': medium,
  'zaremba-large': large,
  'iss-small': { ...small, iss: 0.004 },
  'iss-medium': { ...medium, iss: 0.003, keep: 0.7 },
  'direct-large': { ...large, hidden: [373, 315], keep: 0.55 },
  'rhn-sota': rhn,
  'rhn-iss': { ...rhn, iss: 0.005, keep: 0.55, keepWords: 0.85, keepState: 0.85 },
  'rhn-small': {
    ...rhn,
    ...small,
    hidden: [200],
    depth: 4,
    initScale: 0.04,
    keep: 0.8,
    keepWords: 0.9,
    keepState: 0.9,
  },
  'iss-large': { ...large, iss: 0.00245, keep: 0.6, decay: 0.1, decayEvery: 18 },
  'modern-small': modernSmall,
  'modern-medium': modernMedium,
};

/**
 * The demo: small enough for two trainings in a few minutes on two cores, large enough that half of the units are too
 * many. It keeps the dead units until the end, so that the model before shrinking can be compared with the slim one.
 */
export const demoPreset = {
  ...small,
  hidden: [128, 128],
  embedding: 128,
  vocabulary: 3000,
  trainTokens: 120_000,
  epochs: 8,
  flatEpochs: 4,
  iss: 0.008,
  shrink: false,
};
