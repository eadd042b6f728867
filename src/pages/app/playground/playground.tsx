import { useEffect, useState } from 'preact/hooks';
import type { RunSummary } from '../../../runs/record.ts';
import { fetchRuns } from '../api.ts';
import { ClassifyPanel } from './classifyPanel.tsx';
import { GeneratePanel } from './generatePanel.tsx';
import type { GivenModel } from './protocol.ts';
import { TrainPanel } from './trainPanel.tsx';

/** Three things to try in this tab: letting models continue a text, letting them classify one, and training one. */
export function Playground() {
  const [runs, setRuns] = useState<readonly RunSummary[]>([]);
  const [trained, setTrained] = useState<readonly GivenModel[]>();
  useEffect(() => {
    fetchRuns().then(
      (list) => setRuns(list.runs),
      () => setRuns([]),
    );
  }, []);
  return (
    <>
      <h1>Playground</h1>
      <p>
        Everything on this page runs in this tab: the models are loaded into it, the text that you type stays in it, and
        the training below uses this machine alone.
      </p>
      <GeneratePanel runs={runs} trained={trained} />
      <ClassifyPanel runs={runs} />
      <TrainPanel onTrained={setTrained} />
    </>
  );
}
