import { duration, grouped } from '../../../base/format.ts';
import type { BatchProgress } from '../../../train/options.ts';
import type { TextInfo } from './protocol.ts';

interface TrainProgressProps {
  readonly info: TextInfo | undefined;
  readonly progress: BatchProgress | undefined;
  readonly stage: string;
  readonly isStopping: boolean;
}

/** Where a training is. */
export function TrainProgress({ info, progress, stage, isStopping }: TrainProgressProps) {
  const done = progress ? (progress.epoch - 1 + progress.batch / progress.batches) / progress.epochs : 0;
  return (
    <div class="part">
      <progress value={done} max={1} aria-label="Training" />
      <p role="status">{stageOf(progress, stage, isStopping)}</p>
      {progress && <p class="quiet small">{described(progress)}</p>}
      {info && (
        <p class="quiet small">
          {grouped(info.train)} training, {grouped(info.valid)} validation and {grouped(info.test)} test words,{' '}
          {grouped(info.words)} of them different
        </p>
      )}
    </div>
  );
}

/** Read out by a screen reader whenever it changes, so nothing in it changes often. */
function stageOf(progress: BatchProgress | undefined, stage: string, isStopping: boolean): string {
  if (stage !== '') return `${stage} …`;
  if (isStopping) return 'Stopping …';
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
