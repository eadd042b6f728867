import { useState } from 'preact/hooks';
import { fileSize, milliseconds, short } from '../../../base/format.ts';
import type { RunSummary } from '../../../runs/record.ts';
import { Problem } from '../../shared/problem.tsx';
import { type ModelChoice, modelChoices } from '../api.ts';
import { ModelPicker } from './modelPicker.tsx';
import type { ClassificationEvent, ClassificationRequest, ClassifiedText, GivenModel, LoadedInfo } from './protocol.ts';
import { useWorker } from './useWorker.ts';

type Phase = 'idle' | 'loading' | 'ready' | 'classifying';

/** Says which class a text has, with two models side by side, each timed by itself. */
export function ClassifyPanel({ runs }: { runs: readonly RunSummary[] }) {
  const [phase, setPhase] = useState<Phase>('idle');
  const [models, setModels] = useState<readonly LoadedInfo[]>([]);
  const [texts, setTexts] = useState<readonly ClassifiedText[]>([]);
  const [message, setMessage] = useState('');
  const [text, setText] = useState('');

  const failed = (reason: string) => {
    setPhase(models.length > 0 ? 'ready' : 'idle');
    setMessage(reason);
  };
  const worker = useWorker<ClassificationRequest, ClassificationEvent>('classification.worker.js', (event) => {
    if (event.kind === 'failed') return failed(event.message);
    if (event.kind === 'loaded') {
      setModels(event.models);
      setTexts([]);
    } else setTexts(event.texts);
    setPhase('ready');
  });
  const begin = (next: Phase) => {
    setPhase(next);
    setMessage('');
  };
  const load = (given: readonly GivenModel[]) => {
    begin('loading');
    worker.send({ kind: 'load', models: given });
  };
  const classify = () => {
    begin('classifying');
    worker.send({ kind: 'classify', text });
  };
  const choices = modelChoices(runs, 'text-classification');
  const isBusy = phase === 'loading' || phase === 'classifying';
  return (
    <section class="card part" aria-labelledby="classify">
      <h2 id="classify">Classify a text</h2>
      <ModelPicker
        choices={choices}
        first={bothOfOneRun(choices)}
        nothing="No finished run of a text classifier is here. Choose files of one."
        isDisabled={isBusy}
        onFetching={() => begin('loading')}
        onGiven={load}
        onProblem={failed}
      />
      <label class="wide">
        Text to classify
        <textarea rows={3} value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} />
      </label>
      <p>
        <button type="button" class="primary" onClick={classify} disabled={phase !== 'ready' || text.trim() === ''}>
          Classify
        </button>
      </p>
      <p role="status" class="quiet">
        {phase === 'loading' ? 'Loading models …' : phase === 'classifying' ? 'Reading …' : ''}
      </p>
      {message !== '' && <Problem message={message} />}
      <div class="grid">
        {models.map((model, i) => (
          <Verdict key={i} model={model} text={texts[i]} other={texts[1 - i]} />
        ))}
      </div>
    </section>
  );
}

/** The model of a run beside its slim form. */
function bothOfOneRun(choices: readonly ModelChoice[]): [ModelChoice, ModelChoice] | undefined {
  const [slim] = choices;
  return slim && [choices.find(({ run, file }) => run.id === slim.run.id && file === 'model.onnx') ?? slim, slim];
}

interface VerdictProps {
  readonly model: LoadedInfo;
  readonly text: ClassifiedText | undefined;
  readonly other: ClassifiedText | undefined;
}

/** Most classes that are shown of a model. */
const MOST_CLASSES = 10;

function Verdict({ model, text, other }: VerdictProps) {
  const timesFaster = text && other ? other.milliseconds / text.milliseconds : 1;
  return (
    <article class="card" data-testid="verdict">
      <h3>{model.label}</h3>
      <p class="quiet small">
        {model.hidden.join(' + ')} units, {short(model.parameters)} parameters, {fileSize(model.bytes)}
      </p>
      {text && (
        <>
          <p class="rate">
            <strong>{text.classes[0]?.name}</strong>
            <span class="quiet"> · {milliseconds(text.milliseconds)} a text</span>
            {timesFaster > 1.05 && <span class="faster"> · {timesFaster.toFixed(1)}× the other</span>}
          </p>
          <ul class="bars">
            {text.classes.slice(0, MOST_CLASSES).map(({ name, probability }) => (
              <li key={name}>
                <span class="label">{name}</span>
                <span class="bar" aria-hidden="true">
                  <span style={{ width: `${probability * 100}%` }} />
                </span>
                <span class="share">{(probability * 100).toFixed(1)} %</span>
              </li>
            ))}
          </ul>
          {text.unknown > 0 && (
            <p class="quiet small">
              {text.unknown} {text.unknown === 1 ? 'word is' : 'words are'} not in its vocabulary
            </p>
          )}
        </>
      )}
    </article>
  );
}
