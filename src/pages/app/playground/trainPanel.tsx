import { useState } from 'preact/hooks';
import { duration, fileSize, grouped, short } from '../../../base/format.ts';
import { perplexity } from '../../../tasks/score.ts';
import type { EpochMetrics } from '../../../train/metrics.ts';
import { CourseCharts } from '../../shared/courseCharts.tsx';
import { messageOf } from '../../shared/messageOf.ts';
import { NormHistograms } from '../../shared/normHistogram.tsx';
import { Problem } from '../../shared/problem.tsx';
import { Table } from '../../shared/table.tsx';
import { NumberField } from './numberField.tsx';
import type { GivenModel, TextInfo, TrainedFile, TrainingEvent, TrainingOutcome, TrainingRequest } from './protocol.ts';
import { useWorker } from './useWorker.ts';

type Phase = 'idle' | 'training' | 'stopping' | 'finished';
type Progress = Extract<TrainingEvent, { kind: 'progress' }>;

/** Trains a language model with ISS on pasted text, in a worker of this tab, and shows how its units die. */
export function TrainPanel({ onTrained }: { onTrained: (models: readonly GivenModel[]) => void }) {
  const [text, setText] = useState('');
  const [hidden, setHidden] = useState(128);
  const [layers, setLayers] = useState(2);
  const [iss, setIss] = useState(0.014);
  const [epochs, setEpochs] = useState(12);
  const [learningRate, setLearningRate] = useState(1);
  const [shrink, setShrink] = useState(false);
  const [phase, setPhase] = useState<Phase>('idle');
  const [info, setInfo] = useState<TextInfo>();
  const [threshold, setThreshold] = useState<number>();
  const [progress, setProgress] = useState<Progress>();
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
        setProgress(event);
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

  const start = () => {
    setPhase('training');
    setInfo(undefined);
    setProgress(undefined);
    setRows([]);
    setMessage('');
    setOutcome(undefined);
    const sizes = Array<number>(layers).fill(hidden);
    worker.send({ kind: 'train', choice: { text, hidden: sizes, iss, epochs, learningRate, seed: 1, shrink } });
  };
  const stop = () => {
    setPhase('stopping');
    worker.send({ kind: 'stop' });
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
  const names = Array.from({ length: rows[0]?.units.length ?? layers }, (_, i) => `lstm_${i}`);
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
        <NumberField label="Layers" value={layers} min={1} max={3} step={1} onChange={setLayers} isDisabled={isBusy} />
        <NumberField
          label="Units a layer"
          value={hidden}
          min={4}
          max={512}
          step={4}
          onChange={setHidden}
          isDisabled={isBusy}
        />
        <NumberField label="λ" value={iss} min={0.0001} max={1} step="any" onChange={setIss} isDisabled={isBusy} />
        <NumberField
          label="Epochs"
          value={epochs}
          min={1}
          max={100}
          step={1}
          onChange={setEpochs}
          isDisabled={isBusy}
        />
        <NumberField
          label="Learning rate"
          value={learningRate}
          min={0.001}
          max={10}
          step="any"
          onChange={setLearningRate}
          isDisabled={isBusy}
        />
        <label class="tick">
          <input
            type="checkbox"
            checked={shrink}
            disabled={isBusy}
            onChange={({ currentTarget }) => setShrink(currentTarget.checked)}
          />
          Shrink while training, which makes it faster
        </label>
        <button type="button" class="primary" onClick={start} disabled={isBusy || text.trim() === ''}>
          Train
        </button>
        <button type="button" onClick={stop} disabled={phase !== 'training'}>
          Stop and keep
        </button>
      </div>
      {message !== '' && <Problem message={message} />}
      {isBusy && <TrainingProgress info={info} progress={progress} stage={stage} isStopping={phase === 'stopping'} />}
      {outcome && <Outcome outcome={outcome} onTrained={onTrained} />}
      {rows.length > 0 && (
        <>
          <CourseCharts rows={rows} layers={names} scores={[perplexity]} items="tokens" />
          <h3 class="part">Group norms</h3>
          <p class="quiet small">
            Of each unit, the norm of all weights that exist because of it. A unit is dead as soon as nothing reads it;
            the weights that make it then fade, and leave with it.
          </p>
          <NormHistograms rows={rows} layers={names} threshold={threshold} />
        </>
      )}
    </section>
  );
}

interface TrainingProgressProps {
  readonly info: TextInfo | undefined;
  readonly progress: Progress | undefined;
  readonly stage: string;
  readonly isStopping: boolean;
}

function TrainingProgress({ info, progress, stage, isStopping }: TrainingProgressProps) {
  const done = progress ? (progress.epoch - 1 + progress.share) / progress.epochs : 0;
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
function stageOf(progress: Progress | undefined, stage: string, isStopping: boolean): string {
  if (stage !== '') return `${stage} …`;
  if (isStopping) return 'Stopping …';
  return progress ? `Epoch ${progress.epoch} of ${progress.epochs}` : 'Preparing …';
}

function described({ perplexity, tokensPerSecond, secondsLeft, alive }: Progress): string {
  return [
    `perplexity ${perplexity.toFixed(1)}`,
    `${grouped(tokensPerSecond)} words per second`,
    `${alive.join(' + ')} units alive`,
    `${duration(secondsLeft)} left`,
  ].join(' · ');
}

const LABELS = { trained: 'trained here', slim: 'trained here, slim' } as const;

function Outcome({ outcome, onTrained }: { outcome: TrainingOutcome; onTrained: (m: readonly GivenModel[]) => void }) {
  const { began, models, vocabulary, verify, stoppedEarly } = outcome;
  const [, slim] = models;
  const sum = (units: readonly number[]) => units.reduce((a, b) => a + b, 0);
  const give = () =>
    onTrained(models.map(({ name, bytes }) => ({ label: LABELS[name], model: bytes.slice(), vocabulary })));
  return (
    <div class="part" data-testid="outcome">
      <p role="status" class="verified">
        <strong>
          {sum(began) - sum(slim.hidden)} of {sum(began)} units died.
        </strong>{' '}
        {stoppedEarly ? 'Stopped early. ' : ''}
        The slim model computes what the trained one does
        {verify.maxRelativeDifference === 0
          ? ', to the last bit'
          : `, within ${verify.maxRelativeDifference.toExponential(1)}`}{' '}
        on {verify.batches} windows.
      </p>
      <div class="scroll">
        <Table
          head={['model', 'valid ppl', 'hidden', 'parameters', 'multiply-adds', 'file', '30 steps']}
          rows={models.map((m) => [
            m.name,
            m.validPerplexity.toFixed(2),
            m.hidden.join(', '),
            short(m.parameters),
            short(m.multiplyAdds),
            fileSize(m.bytes.length),
            `${m.latency.toFixed(2)} ms`,
          ])}
        />
      </div>
      <p class="fields">
        {models.map((model) => (
          <Download key={model.name} model={model} />
        ))}
        <a class="button" download="vocabulary.txt" href={textUrl(vocabulary)}>
          vocabulary.txt
        </a>
        <button type="button" onClick={give}>
          Let it continue a text
        </button>
      </p>
    </div>
  );
}

function Download({ model }: { model: TrainedFile }) {
  const name = model.name === 'slim' ? 'slim.onnx' : 'model.onnx';
  const [url] = useState(() =>
    URL.createObjectURL(new Blob([model.bytes.slice()], { type: 'application/octet-stream' })),
  );
  return (
    <a class="button" download={name} href={url}>
      {name}, {fileSize(model.bytes.length)}
    </a>
  );
}

function textUrl(text: string): string {
  return `data:text/plain;charset=utf-8,${encodeURIComponent(text)}`;
}
