import { duration, grouped } from '../../../base/format.ts';
import type { BatchProgress } from '../../../train/options.ts';
import type { Training } from './useTraining.ts';

/** Where a training is. */
export function TrainProgress({ training }: { training: Training }) {
  const { progress, sizes } = training;
  const done = progress ? (progress.epoch - 1 + progress.batch / progress.batches) / progress.epochs : 0;
  return (
    <div class="part">
      <progress value={done} max={1} aria-label="Training" />
      <p role="status">{stageOf(training)}</p>
      {progress && <p class="quiet small">{described(progress)}</p>}
      {sizes && (
        <p class="quiet small">
          {grouped(sizes.train)} training, {grouped(sizes.valid)} validation and {grouped(sizes.test)} test words,{' '}
          {grouped(sizes.words)} of them different
        </p>
      )}
    </div>
  );
}

/** Read out by a screen reader whenever it changes, so nothing in it changes often. */
function stageOf({ progress, stage, phase }: Training): string {
  if (stage !== undefined) return `${stage} …`;
  if (phase === 'stopping') return 'Stopping …';
  return progress ? `Epoch ${progress.epoch} of ${progress.epochs}` : 'Preparing …';
}

function described({ score, itemsPerSecond, secondsLeft, alive }: BatchProgress): string {
  return [
    `${score.name} ${score.value.toFixed(1)}`,
    `${grouped(itemsPerSecond)} words per second`,
    `${alive.join(' + ')} units alive`,
    `${duration(secondsLeft)} left`,
  ].join(' · ');
}
