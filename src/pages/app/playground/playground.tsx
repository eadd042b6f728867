import { useState } from 'preact/hooks';
import { fetchRuns } from '../api.ts';
import { useFetched } from '../useFetched.ts';
import { AnswerPanel } from './answerPanel.tsx';
import { ClassifyPanel } from './classifyPanel.tsx';
import { GeneratePanel } from './generatePanel.tsx';
import type { GivenModel } from './protocol.ts';
import { TrainPanel } from './trainPanel.tsx';

/** What can be tried in this tab: letting models continue a text, classify one, or answer questions, and training one. */
export function Playground() {
  // Without runs there is still a model to be trained.
  const [{ runs } = { runs: [] }] = useFetched(fetchRuns);
  const [trained, setTrained] = useState<readonly GivenModel[]>();
  return (
    <>
      <h1>Playground</h1>
      <p>
        Everything on this page runs in this tab: the models are loaded into it, the text that you type stays in it, and
        the training below uses this machine alone.
      </p>
      <GeneratePanel runs={runs} trained={trained} />
      <ClassifyPanel runs={runs} />
      <AnswerPanel runs={runs} />
      <TrainPanel onTrained={setTrained} />
    </>
  );
}
