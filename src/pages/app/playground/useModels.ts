import { useState } from 'preact/hooks';
import type { GivenModel, LoadedInfo, ModelEvent, ModelRequest } from './protocol.ts';
import { useWorker } from './useWorker.ts';

/** Models side by side in a worker, and how far they are. */
export interface ModelsInWorker<Task, Result> {
  readonly phase: 'idle' | 'loading' | 'ready' | 'working';
  readonly models: readonly LoadedInfo[];
  /** Of each model, in their order. */
  readonly results: readonly (Result | undefined)[];
  /** What went wrong; empty when nothing did. */
  readonly message: string;
  /** The files of models are on their way. */
  fetching(): void;
  load(models: readonly GivenModel[]): void;
  work(task: Task): void;
  stop(): void;
  failed(reason: string): void;
}

/** The models of a worker that `answerWithModels` runs. */
export function useModels<Task, Result>(script: string): ModelsInWorker<Task, Result> {
  const [phase, setPhase] = useState<ModelsInWorker<Task, Result>['phase']>('idle');
  const [models, setModels] = useState<readonly LoadedInfo[]>([]);
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
    fetching: () => begin('loading'),
    load(given) {
      begin('loading');
      worker.send({ kind: 'load', models: given });
    },
    work(task) {
      begin('working');
      worker.send({ kind: 'work', task });
    },
    stop: () => worker.tell({ kind: 'stop' }),
  };
}
