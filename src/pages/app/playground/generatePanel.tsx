import { Fragment } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { fileSize, grouped, short } from '../../../base/format.ts';
import type { RunSummary } from '../../../runs/record.ts';
import { Problem } from '../../shared/problem.tsx';
import { type ModelChoice, modelChoices } from '../api.ts';
import { ModelPicker } from './modelPicker.tsx';
import { NumberField } from './numberField.tsx';
import { writeProse } from './prose.ts';
import type { GivenModel, LoadedInfo } from './protocol.ts';
import { NOTHING, useWriters, type Written } from './useWriters.ts';

interface GeneratePanelProps {
  readonly runs: readonly RunSummary[];
  /** Models that were trained on this page. */
  readonly trained: readonly GivenModel[] | undefined;
}

/** Continues a text with two models side by side, each timed by itself. */
export function GeneratePanel({ runs, trained }: GeneratePanelProps) {
  const writers = useWriters();
  const [prompt, setPrompt] = useState('The people of the United States');
  const [temperature, setTemperature] = useState(0.8);
  const [words, setWords] = useState(120);
  const [seed, setSeed] = useState(1);
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    if (trained === undefined) return;
    heading.current?.scrollIntoView();
    writers.load(trained);
  }, [trained]);

  const choices = modelChoices(runs, 'language-model');
  const { phase, models, written, message } = writers;
  const isBusy = phase === 'loading' || phase === 'writing';
  return (
    <section class="card" aria-labelledby="generate">
      <h2 id="generate" ref={heading}>
        Continue a text
      </h2>
      <ModelPicker
        choices={choices}
        first={denseAndSlim(choices)}
        nothing="No finished run with a vocabulary is here. Choose files, or train a model below."
        isDisabled={isBusy}
        onFetching={writers.fetching}
        onGiven={writers.load}
        onProblem={writers.failed}
      />
      <label class="wide">
        Beginning of the text
        <textarea rows={3} value={prompt} onInput={({ currentTarget }) => setPrompt(currentTarget.value)} />
      </label>
      <div class="fields">
        <NumberField label="Words" value={words} min={1} max={2000} step={1} onChange={setWords} />
        <NumberField label="Temperature" value={temperature} min={0} max={3} step={0.1} onChange={setTemperature} />
        <NumberField label="Seed" value={seed} min={0} max={2 ** 31} step={1} onChange={setSeed} />
        <button
          type="button"
          class="primary"
          onClick={() => writers.write({ prompt, words, temperature, seed })}
          disabled={phase !== 'ready'}
        >
          Continue
        </button>
        <button type="button" onClick={writers.stop} disabled={phase !== 'writing'}>
          Stop
        </button>
      </div>
      <p role="status" class="quiet">
        {phase === 'loading' ? 'Loading models …' : phase === 'writing' ? 'Writing …' : ''}
      </p>
      {message !== '' && <Problem message={message} />}
      <div class="grid">
        {models.map((model, i) => (
          <WrittenText key={i} model={model} written={written[i] ?? NOTHING} other={written[1 - i]} />
        ))}
      </div>
    </section>
  );
}

/** The model of a dense run beside a slim one. */
function denseAndSlim(choices: readonly ModelChoice[]): [ModelChoice, ModelChoice] | undefined {
  const slim = choices.find(({ file }) => file === 'slim.onnx') ?? choices[0];
  const dense = choices.find(({ run, file }) => run.method === 'dense' && file === 'model.onnx') ?? slim;
  return slim && dense && [dense, slim];
}

interface WrittenTextProps {
  readonly model: LoadedInfo;
  readonly written: Written;
  readonly other: Written | undefined;
}

function WrittenText({ model, written, other }: WrittenTextProps) {
  const { prompt, tokens, unknown, perWord } = written;
  const pieces = writeProse([...prompt, ...tokens]);
  const ownWords = pieces.slice(prompt.length).map(({ space, word }) => space + word);
  const timesFaster = perWord !== undefined && other?.perWord !== undefined ? other.perWord / perWord : 1;
  return (
    <article class="card" data-testid="written">
      <h3>{model.label}</h3>
      <p class="quiet small">
        {model.hidden.join(' + ')} units, {short(model.parameters)} parameters, {fileSize(model.bytes)}
      </p>
      <p class="rate">
        <strong>{perWord === undefined ? '–' : grouped(1e3 / perWord)}</strong> words per second
        {perWord !== undefined && <span class="quiet"> · {perWord.toFixed(2)} ms a word</span>}
        {timesFaster > 1.05 && <span class="faster"> · {timesFaster.toFixed(1)}× the other</span>}
      </p>
      {unknown.length > 0 && <p class="quiet small">Not in its vocabulary: {unknown.join(', ')}</p>}
      {tokens.length > 0 && (
        <p class="prose">
          <span class="quiet">
            {pieces.slice(0, prompt.length).map(({ space, word }, i) => (
              <Fragment key={i}>
                {space}
                {unknown.includes(word) ? <mark title="not in its vocabulary">{word}</mark> : word}
              </Fragment>
            ))}
          </span>
          {ownWords.join('')}
        </p>
      )}
    </article>
  );
}
