import { useState } from 'preact/hooks';
import { GeneratePanel } from './generatePanel.tsx';
import type { GivenModel } from './protocol.ts';
import { TrainPanel } from './trainPanel.tsx';

/** Two things to try in this tab: letting models continue a text, and training one. */
export function Playground() {
  const [trained, setTrained] = useState<readonly GivenModel[]>();
  return (
    <>
      <h1>Playground</h1>
      <p>
        Everything on this page runs in this tab: the models are loaded into it, the text that you type stays in it, and
        the training below uses this machine alone.
      </p>
      <GeneratePanel trained={trained} />
      <TrainPanel onTrained={setTrained} />
    </>
  );
}
