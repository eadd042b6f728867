import type { Settings } from '../base/fields.ts';
import { adamKind } from '../optimizers/adam.ts';
import { optimizerNamed } from '../optimizers/registry.ts';

/**
 * What suits most models in mini-batches: Adam, and the learning rate and the threshold that go with the optimizer. τ is
 * 1e-4 for SGD, as in the ISS paper; Adam moves a weight by about the learning rate whatever the size of its gradient, so
 * that its τ is the learning rate: what one step could undo is 0.
 */
export function usualTraining(given: Settings): Settings {
  const name = typeof given.optimizer === 'string' ? given.optimizer : 'adam';
  const kind = optimizerNamed(name) ?? adamKind;
  const learningRate = typeof given.learningRate === 'number' ? given.learningRate : kind.usualRate;
  return {
    optimizer: name,
    learningRate,
    batch: 32,
    epochs: 10,
    threshold: kind.usualThreshold(learningRate),
    shrink: true,
    shrinkEvery: 0,
    seed: 1,
    checkpointEvery: 1000,
  };
}
