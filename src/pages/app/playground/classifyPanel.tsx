import { useState } from 'preact/hooks';
import { milliseconds } from '../../../base/format.ts';
import type { RunSummary } from '../../../runs/record.ts';
import { modelChoices, trainedAndSlim } from '../api.ts';
import { ActionButton, whyNotReady } from './actionButton.tsx';
import { ModelCard, ModelPanel, UnknownWords } from './modelPanel.tsx';
import type { ClassifiedText } from './protocol.ts';
import { useModels } from './useModels.ts';

/** Says which class a text has, with two models side by side, each timed by itself. */
export function ClassifyPanel({ runs }: { runs: readonly RunSummary[] }) {
  const models = useModels<string, ClassifiedText>('classification.worker.js');
  const [text, setText] = useState('');
  const choices = modelChoices(runs, 'text-classification');
  const why = whyNotReady(models.phase) ?? (text.trim() === '' ? 'Write a text first.' : undefined);
  return (
    <ModelPanel
      {...{ id: 'classify', title: 'Classify a text', working: 'Reading …', models, choices }}
      first={trainedAndSlim(choices)}
      nothing="No finished run of a text classifier is here. Choose files of one."
      {...{ textLabel: 'Text to classify', text, onText: setText }}
      card={(model, own, other) => (
        <ModelCard
          key={model}
          {...{ model, testId: 'verdict', figure: own?.classes[0]?.name }}
          {...{ time: own && `${milliseconds(own.milliseconds)} a text` }}
          {...{ own: own?.milliseconds, other: other?.milliseconds }}
        >
          {own && <Verdict text={own} />}
        </ModelCard>
      )}
    >
      <p>
        <ActionButton isPrimary why={why} onClick={() => models.work(text)}>
          Classify
        </ActionButton>
      </p>
    </ModelPanel>
  );
}

/** Most classes that are shown of a model. */
const MOST_CLASSES = 10;

function Verdict({ text: { classes, unknown } }: { text: ClassifiedText }) {
  return (
    <>
      <ul class="bars">
        {classes.slice(0, MOST_CLASSES).map(({ name, probability }) => (
          <li key={name}>
            <span class="label">{name}</span>
            <span class="bar" aria-hidden="true">
              <span style={{ width: `${probability * 100}%` }} />
            </span>
            <span class="share">{(probability * 100).toFixed(1)} %</span>
          </li>
        ))}
      </ul>
      <UnknownWords count={unknown} />
    </>
  );
}
