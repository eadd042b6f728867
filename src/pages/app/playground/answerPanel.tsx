import { useState } from 'preact/hooks';
import { milliseconds } from '../../../base/format.ts';
import { madeUpPassages } from '../../../data/questions/madeUp.ts';
import type { RunSummary } from '../../../runs/record.ts';
import { modelChoices, trainedAndSlim } from '../api.ts';
import { ActionButton, whyNotReady } from './actionButton.tsx';
import { AttentionMap, shadesOf } from './attentionMap.tsx';
import { ModelCard, ModelPanel, UnknownWords } from './modelPanel.tsx';
import { PassageText } from './passageText.tsx';
import type { AnsweredQuestion, AskedQuestion } from './protocol.ts';
import { useModels } from './useModels.ts';

/** A passage and a question to begin with. */
const [SAMPLE] = madeUpPassages().valid;

/** Finds the answer to a question in a passage, with two models side by side, each timed by itself. */
export function AnswerPanel({ runs }: { runs: readonly RunSummary[] }) {
  const models = useModels<AskedQuestion, AnsweredQuestion>('answering.worker.js');
  const [passage, setPassage] = useState(SAMPLE!.text);
  const [question, setQuestion] = useState(SAMPLE!.questions[0]!.question);
  const choices = modelChoices(runs, 'question-answering');
  const isEmpty = passage.trim() === '' || question.trim() === '';
  const why = whyNotReady(models.phase) ?? (isEmpty ? 'Write a passage and a question first.' : undefined);
  const ask = (event: Event) => {
    event.preventDefault();
    if (why === undefined) models.work({ passage, question });
  };
  return (
    <ModelPanel
      {...{ id: 'ask', title: 'Ask about a passage', working: 'Reading …', models, choices }}
      first={trainedAndSlim(choices)}
      nothing="No finished run that answers questions is here. Choose files of one."
      {...{ textLabel: 'Passage', textRows: 6, text: passage, onText: setPassage }}
      card={(model, own, other) => (
        <ModelCard
          key={model}
          {...{ model, testId: 'answer', figure: own?.answer.text }}
          {...{ time: own && `${milliseconds(own.milliseconds)} a question` }}
          {...{ own: own?.milliseconds, other: other?.milliseconds }}
        >
          {own && <Answer answered={own} />}
        </ModelCard>
      )}
    >
      <form class="fields" onSubmit={ask}>
        <label class="grows">
          Question
          <input value={question} onInput={({ currentTarget }) => setQuestion(currentTarget.value)} />
        </label>
        <ActionButton isPrimary why={why}>
          Ask
        </ActionButton>
      </form>
    </ModelPanel>
  );
}

function Answer({ answered: { text, answer } }: { answered: AnsweredQuestion }) {
  const [chosen, choose] = useState<number>();
  // A shorter question may have come since.
  const word = chosen !== undefined && chosen < answer.question.words.length ? chosen : undefined;
  return (
    <>
      <p class="quiet small">Probability {(answer.probability * 100).toFixed(1)} %</p>
      <PassageText {...{ text, answer }} shades={word === undefined ? undefined : shadesOf(answer, word)} />
      <UnknownWords count={answer.unknown} />
      <AttentionMap {...{ answer, chosen: word }} onChoose={choose} />
    </>
  );
}
