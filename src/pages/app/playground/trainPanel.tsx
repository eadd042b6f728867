import { useEffect, useMemo, useState } from 'preact/hooks';
import { grouped } from '../../../base/format.ts';
import type { EpochMetrics } from '../../../train/metrics.ts';
import type { BatchProgress } from '../../../train/options.ts';
import { messageOf } from '../../shared/messageOf.ts';
import { Problem } from '../../shared/problem.tsx';
import type { GivenModel, TextInfo, TrainingEvent, TrainingOutcome, TrainingRequest } from './protocol.ts';
import { TrainCharts } from './trainCharts.tsx';
import { FIRST_SETTINGS, TrainFields } from './trainFields.tsx';
import { TrainOutcome } from './trainOutcome.tsx';
import { TrainProgress } from './trainProgress.tsx';
import { useWorker } from './useWorker.ts';

type Phase = 'idle' | 'training' | 'stopping' | 'finished';

/** Trains a language model with ISS on pasted text, in a worker of this tab, and shows how its units die. */
export function TrainPanel({ onTrained }: { onTrained: (models: readonly GivenModel[]) => void }) {
  const [text, setText] = useState('');
  const [settings, setSettings] = useState(FIRST_SETTINGS);
  const [phase, setPhase] = useState<Phase>('idle');
  const [info, setInfo] = useState<TextInfo>();
  const [threshold, setThreshold] = useState<number>();
  const [progress, setProgress] = useState<BatchProgress>();
  const [rows, setRows] = useState<readonly EpochMetrics[]>([]);
  const [stage, setStage] = useState('');
  const [message, setMessage] = useState('');
  const [outcome, setOutcome] = useState<TrainingOutcome>();

  const worker = useWorker<TrainingRequest, TrainingEvent>('training.worker.js', (event) => {
    switch (event.kind) {
      case 'text':
        setInfo(event.info);
        setThreshold(event.threshold);
        break;
      case 'progress':
        setProgress(event.progress);
        break;
      case 'epochs':
        setRows((before) => [...before, ...event.rows]);
        break;
      case 'stage':
        setStage(event.text);
        break;
      case 'finished':
        setOutcome(event.outcome);
        setPhase('finished');
        setStage('');
        // Each training has a worker of its own, which gives its memory back.
        worker.end();
        break;
      case 'failed':
        setMessage(event.message);
        setPhase('idle');
        setStage('');
        worker.end();
        break;
    }
  });

  useEffect(() => {
    if (progress === undefined) return;
    const frame = requestAnimationFrame(() => worker.tell({ kind: 'drawn' }));
    return () => cancelAnimationFrame(frame);
  }, [progress, worker.tell]);

  const start = () => {
    setPhase('training');
    setInfo(undefined);
    setProgress(undefined);
    setRows([]);
    setMessage('');
    setOutcome(undefined);
    worker.send({ kind: 'train', choice: { ...settings, text, seed: 1 } });
  };
  const stop = () => {
    setPhase('stopping');
    worker.tell({ kind: 'stop' });
  };
  const fillIn = async () => {
    try {
      const response = await fetch(new URL('sample.txt', import.meta.url));
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      setText(await response.text());
    } catch (error) {
      setMessage(`the sample cannot be had: ${messageOf(error)}`);
    }
  };
  const isBusy = phase === 'training' || phase === 'stopping';
  // Drawn anew with the epochs only: progress comes more often.
  const charts = useMemo(() => rows.length > 0 && <TrainCharts rows={rows} threshold={threshold} />, [rows, threshold]);
  return (
    <section class="card part" aria-labelledby="train">
      <h2 id="train">Train on your text</h2>
      <p class="quiet small">
        An LSTM learns to predict the next word; a penalty on whole units (ISS) makes those vanish that are not worth
        their weights, and without them the model is smaller and computes the same. Some pages of prose are enough to
        see it.
      </p>
      <label class="wide">
        Text
        <textarea
          rows={6}
          value={text}
          disabled={isBusy}
          placeholder="Paste some pages of prose here"
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <p>
        <button type="button" onClick={fillIn} disabled={isBusy}>
          Take a sample: State of the Union addresses
        </button>{' '}
        <span class="quiet small">{text === '' ? '' : `about ${grouped(text.length / 5.5)} words`}</span>
      </p>
      <div class="fields">
        <TrainFields settings={settings} onChange={setSettings} isDisabled={isBusy} />
        <button type="button" class="primary" onClick={start} disabled={isBusy || text.trim() === ''}>
          Train
        </button>
        <button type="button" onClick={stop} disabled={phase !== 'training'}>
          Stop and keep
        </button>
      </div>
      {message !== '' && <Problem message={message} />}
      {isBusy && <TrainProgress info={info} progress={progress} stage={stage} isStopping={phase === 'stopping'} />}
      {outcome && <TrainOutcome outcome={outcome} onTrained={onTrained} />}
      {charts}
    </section>
  );
}
