import { perplexity } from '../../../tasks/score.ts';
import type { EpochMetrics } from '../../../train/metrics.ts';
import { CourseCharts } from '../../shared/courseCharts.tsx';
import { NormHistograms } from '../../shared/normHistogram.tsx';

interface TrainChartsProps {
  readonly rows: readonly EpochMetrics[];
  /** τ of the training. */
  readonly threshold: number | undefined;
}

/** How a training went, epoch by epoch, and the norms of its units. */
export function TrainCharts({ rows, threshold }: TrainChartsProps) {
  const layers = (rows[0]?.units ?? []).map((_, i) => `lstm_${i}`);
  return (
    <>
      <CourseCharts rows={rows} layers={layers} scores={[perplexity]} items="tokens" />
      <h3 class="part">Group norms</h3>
      <p class="quiet small">
        Of each unit, the norm of all weights that exist because of it. A unit is dead as soon as nothing reads it; the
        weights that make it then fade, and leave with it.
      </p>
      <NormHistograms rows={rows} layers={layers} threshold={threshold} />
    </>
  );
}
