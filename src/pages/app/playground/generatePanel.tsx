import { Fragment } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { grouped } from '../../../base/format.ts';
import type { RunSummary } from '../../../runs/record.ts';
import { type ModelChoice, modelChoices } from '../api.ts';
import { ActionButton, whyNotReady } from './actionButton.tsx';
import { NumberField } from './fields.tsx';
import { ModelCard, ModelPanel } from './modelPanel.tsx';
import { writeProse } from './prose.ts';
import type { GivenModel, LoadedInfo, WritingTask, Written } from './protocol.ts';
import { useModels } from './useModels.ts';

interface GeneratePanelProps {
  readonly runs: readonly RunSummary[];
  /** Models that were trained on this page. */
  readonly trained: readonly GivenModel[] | undefined;
}

/** Continues a text with two models side by side, each timed by itself. */
export function GeneratePanel({ runs, trained }: GeneratePanelProps) {
  const models = useModels<WritingTask, Written>('generation.worker.js');
  const [prompt, setPrompt] = useState('The people of the United States');
  const [temperature, setTemperature] = useState(0.8);
  const [words, setWords] = useState(120);
  const [seed, setSeed] = useState(1);
  useEffect(() => {
    if (trained === undefined) return;
    document.getElementById('generate')?.scrollIntoView();
    models.load(trained);
  }, [trained]);
  const choices = modelChoices(runs, 'language-model');
  const write = () => models.work({ prompt, words, temperature, seed });
  return (
    <ModelPanel
      {...{ id: 'generate', title: 'Continue a text', working: 'Writing …', models, choices }}
      first={denseAndSlim(choices)}
      nothing="No finished run with a vocabulary is here. Choose files, or train a model below."
      {...{ textLabel: 'Beginning of the text', text: prompt, onText: setPrompt }}
      card={(model, own, other) => <WrittenText key={model} model={model} written={own} other={other} />}
    >
      <div class="fields">
        <NumberField label="Words" value={words} min={1} max={2000} step={1} onChange={setWords} />
        <NumberField label="Temperature" value={temperature} min={0} max={3} step={0.1} onChange={setTemperature} />
        <NumberField label="Seed" value={seed} min={0} max={2 ** 31} step={1} onChange={setSeed} />
        <ActionButton isPrimary why={whyNotReady(models.phase)} onClick={write}>
          Continue
        </ActionButton>
        {models.phase === 'working' && (
          <button type="button" onClick={models.stop}>
            Stop
          </button>
        )}
      </div>
    </ModelPanel>
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
  readonly written: Written | undefined;
  readonly other: Written | undefined;
}

const NOTHING: Written = { prompt: [], tokens: [], unknown: [] };

function WrittenText({ model, written, other }: WrittenTextProps) {
  const { prompt, tokens, unknown, perWord } = written ?? NOTHING;
  const pieces = writeProse([...prompt, ...tokens]);
  const ownWords = pieces.slice(prompt.length).map(({ space, word }) => space + word);
  return (
    <ModelCard
      {...{ model, testId: 'written', unit: ' words per second', own: perWord, other: other?.perWord }}
      figure={perWord === undefined ? '–' : grouped(1e3 / perWord)}
      time={perWord === undefined ? undefined : `${perWord.toFixed(2)} ms a word`}
    >
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
    </ModelCard>
  );
}
