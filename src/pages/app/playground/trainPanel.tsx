import { useMemo, useState } from 'preact/hooks';
import { grouped } from '../../../base/format.ts';
import { perplexity } from '../../../tasks/score.ts';
import { CourseCharts } from '../../shared/courseCharts.tsx';
import { unitCourse } from '../../shared/dying.ts';
import { NormHistograms } from '../../shared/normHistogram.tsx';
import { messageOf, Problem } from '../../shared/problem.tsx';
import { Progress } from '../../shared/progress.tsx';
import { UnitPicture } from '../../shared/unitStrips.tsx';
import { fetched } from '../api.ts';
import { ActionButton } from './actionButton.tsx';
import { TextField } from './fields.tsx';
import type { TakeModels } from './protocol.ts';
import { FIRST_SETTINGS, TrainFields } from './trainFields.tsx';
import { TrainOutcome } from './trainOutcome.tsx';
import { type Training, useTraining } from './useTraining.ts';

const SCORES = [perplexity];
const BUSY = 'A training is on its way.';

/** Trains a language model with ISS on pasted text, in a worker of this tab, and shows how its units die. */
export function TrainPanel({ onTrained }: { onTrained: TakeModels }) {
  const [text, setText] = useState('');
  const [settings, setSettings] = useState(FIRST_SETTINGS);
  const [training, start, stop] = useTraining();
  const [problem, setProblem] = useState('');
  const { phase, rows, threshold, outcome, message, began } = training;
  const isBusy = phase !== 'idle';
  const why = isBusy ? BUSY : text.trim() === '' ? 'Paste a text or take the sample first.' : undefined;
  const train = () => {
    setProblem('');
    start({ ...settings, text, seed: 1 });
  };
  const fillIn = () =>
    fetched(new URL('sample.txt', import.meta.url).href)
      .then((response) => response.text())
      .then(setText)
      .catch((error: unknown) => setProblem(messageOf(error)));
  // Drawn anew with the epochs only: progress comes more often.
  const charts = useMemo(() => rows.length > 0 && <TrainCharts {...{ rows, threshold, began }} />, [rows, threshold]);
  return (
    <section class="card part" aria-labelledby="train">
      <h2 id="train">Train on your text</h2>
      <p class="quiet small">
        An LSTM learns to predict the next word; a penalty on whole units (ISS) makes those vanish that are not worth
        their weights, and without them the model is smaller and computes the same. Some pages of prose are enough to
        see it.
      </p>
      <TextField
        {...{ label: 'Text', rows: 6, value: text, onChange: setText, isDisabled: isBusy }}
        placeholder="Paste some pages of prose here"
      />
      <p>
        <button type="button" onClick={fillIn} disabled={isBusy} title={isBusy ? BUSY : undefined}>
          Take a sample: State of the Union addresses
        </button>{' '}
        <span class="quiet small">{text === '' ? '' : `about ${grouped(text.length / 5.5)} words`}</span>
      </p>
      <div class="fields">
        <TrainFields settings={settings} onChange={setSettings} isDisabled={isBusy} />
        <ActionButton isPrimary why={why} onClick={train}>
          Train
        </ActionButton>
        {isBusy && (
          <ActionButton why={phase === 'stopping' ? 'Stopping …' : undefined} onClick={stop}>
            Stop and keep
          </ActionButton>
        )}
      </div>
      {(message || problem) !== '' && <Problem message={message || problem} />}
      {isBusy && <TrainProgress training={training} />}
      {training.note !== undefined && <p class="part">{training.note}</p>}
      {outcome && <TrainOutcome outcome={outcome} onTrained={onTrained} />}
      {charts}
    </section>
  );
}

interface TrainChartsProps extends Pick<Training, 'rows' | 'began'> {
  readonly threshold: number | undefined;
}

/** How a training went, epoch by epoch, and the norms of its units. */
function TrainCharts({ rows, threshold, began }: TrainChartsProps) {
  const layers = rows[0]!.units.map((_, i) => `lstm_${i}`);
  const course = unitCourse(rows, began);
  return (
    <>
      {course && <UnitPicture course={course} layers={layers} />}
      <CourseCharts rows={rows} layers={layers} scores={SCORES} items="tokens" />
      <h3 class="part">Group norms</h3>
      <p class="quiet small">
        Of each unit, the norm of all weights that exist because of it. A unit is dead as soon as nothing reads it; the
        weights that make it then fade, and leave with it.
      </p>
      <NormHistograms rows={rows} layers={layers} threshold={threshold} />
    </>
  );
}

/** Where a training is. The status is read out whenever it changes, so nothing in it changes often. */
function TrainProgress({ training: { phase, progress, stage, sizes } }: { training: Training }) {
  const epoch = progress ? `Epoch ${progress.epoch} of ${progress.epochs}` : 'Preparing …';
  return (
    <div class="part">
      <p role="status">{stage !== undefined ? `${stage} …` : phase === 'stopping' ? 'Stopping …' : epoch}</p>
      {progress && (
        <Progress live={{ ...progress, share: progress.batch / progress.batches }} scores={SCORES} items="words" />
      )}
      {sizes && (
        <p class="quiet small">
          {grouped(sizes.train)} training, {grouped(sizes.valid)} validation and {grouped(sizes.test)} test words,{' '}
          {grouped(sizes.words)} of them different
        </p>
      )}
    </div>
  );
}
