import { useState } from 'preact/hooks';
import type { GenerationEvent, GenerationRequest, GivenModel, LoadedInfo } from './protocol.ts';
import { useWorker } from './useWorker.ts';

/** What a model has written so far. */
export interface Written {
  /** The beginning as the model reads it. */
  readonly prompt: readonly string[];
  readonly tokens: readonly string[];
  readonly unknown: readonly string[];
  /** Milliseconds for a word; undefined before the first one. */
  readonly perWord: number | undefined;
}

/** Before a model has read anything. */
export const NOTHING: Written = { prompt: [], tokens: [], unknown: [], perWord: undefined };

/** Models that write in a worker, and how far they are. */
export interface Writers {
  readonly phase: 'idle' | 'loading' | 'ready' | 'writing';
  readonly models: readonly LoadedInfo[];
  /** One of each model, in their order. */
  readonly written: readonly Written[];
  /** What went wrong; empty when nothing did. */
  readonly message: string;
  /** The files of models are on their way. */
  fetching(): void;
  load(models: readonly GivenModel[]): void;
  write(how: Omit<Extract<GenerationRequest, { kind: 'generate' }>, 'kind'>): void;
  stop(): void;
  failed(reason: string): void;
}

/** The models of the generation worker. */
export function useWriters(): Writers {
  const [phase, setPhase] = useState<Writers['phase']>('idle');
  const [models, setModels] = useState<readonly LoadedInfo[]>([]);
  const [written, setWritten] = useState<readonly Written[]>([]);
  const [message, setMessage] = useState('');
  const update = (at: number, change: (w: Written) => Written) =>
    setWritten((all) => all.map((w, i) => (i === at ? change(w) : w)));
  const begin = (next: Writers['phase']) => {
    setPhase(next);
    setMessage('');
  };
  const failed = (reason: string) => {
    setPhase(models.length > 0 ? 'ready' : 'idle');
    setMessage(reason);
  };
  const worker = useWorker<GenerationRequest, GenerationEvent>('generation.worker.js', (event) => {
    switch (event.kind) {
      case 'loaded':
        setModels(event.models);
        setWritten(event.models.map(() => NOTHING));
        begin('ready');
        break;
      case 'read':
        update(event.model, () => ({ ...NOTHING, prompt: event.tokens, unknown: event.unknown }));
        break;
      case 'words': {
        const { tokens, perWord } = event;
        update(event.model, (w) => ({ ...w, tokens: [...w.tokens, ...tokens], perWord }));
        break;
      }
      case 'done':
        setPhase('ready');
        break;
      case 'failed':
        failed(event.message);
        break;
    }
  });
  return {
    ...{ phase, models, written, message, failed },
    fetching: () => begin('loading'),
    load(given) {
      begin('loading');
      worker.send({ kind: 'load', models: given });
    },
    write(how) {
      begin('writing');
      worker.send({ kind: 'generate', ...how });
    },
    stop: () => worker.send({ kind: 'stop' }),
  };
}
