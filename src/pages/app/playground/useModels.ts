import { useState } from 'preact/hooks';
import type { GivenModel, LoadedInfo, ModelEvent, ModelRequest } from './protocol.ts';
import { useWorker } from './useWorker.ts';

/** Models side by side in a worker, and how far they are. */
export type ModelsInWorker<Task, Result> = ReturnType<typeof useModels<Task, Result>>;

/** The models of a worker that `answerWithModels` runs. */
export function useModels<Task, Result>(script: string) {
  const [phase, setPhase] = useState<'idle' | 'loading' | 'ready' | 'working'>('idle');
  const [models, setModels] = useState<readonly LoadedInfo[]>([]);
  // Of each model, in their order.
  const [results, setResults] = useState<readonly (Result | undefined)[]>([]);
  const [message, setMessage] = useState('');
  const begin = (next: typeof phase) => {
    setPhase(next);
    setMessage('');
  };
  const failed = (reason: string) => {
    setPhase(models.length > 0 ? 'ready' : 'idle');
    setMessage(reason);
  };
  const worker = useWorker<ModelRequest<Task>, ModelEvent<Result>>(script, (event) => {
    switch (event.kind) {
      case 'loaded':
        setModels(event.models);
        setResults(event.models.map(() => undefined));
        break;
      case 'result':
        setResults((all) => all.map((result, i) => (i === event.model ? event.result : result)));
        break;
      case 'done':
        setPhase('ready');
        break;
      case 'failed':
        failed(event.message);
    }
  });
  return {
    ...{ phase, models, results, message, failed },
    /** The files of models are on their way. */
    fetching: () => begin('loading'),
    load(given: readonly GivenModel[]) {
      begin('loading');
      worker.send({ kind: 'load', models: given });
    },
    work(task: Task) {
      begin('working');
      worker.send({ kind: 'work', task });
    },
    stop: () => worker.tell({ kind: 'stop' }),
  };
}
