import { useEffect, useState } from 'preact/hooks';
import type { EpochMetrics } from '../../../train/metrics.ts';
import type { TrainingChoice, TrainingEvent, TrainingRequest, TrainingState } from './protocol.ts';
import { useWorker } from './useWorker.ts';

/** A training as the page has it. */
export interface Training extends TrainingState {
  readonly phase: 'idle' | 'training' | 'stopping';
  /** Units of each layer before training. */
  readonly began: readonly number[];
  /** Epochs that have ended. */
  readonly rows: readonly EpochMetrics[];
  /** What went wrong; empty when nothing did. */
  readonly message: string;
}

const NONE: Training = { phase: 'idle', began: [], rows: [], message: '' };

/** A training in a worker of its own, which gives its memory back; how to start it, and how to end it early. */
export function useTraining(): [Training, start: (choice: TrainingChoice) => void, stop: () => void] {
  const [training, setTraining] = useState(NONE);
  const change = (part: Partial<Training>) => setTraining((now) => ({ ...now, ...part }));
  const worker = useWorker<TrainingRequest, TrainingEvent>('training.worker.js', (event) => {
    if (event.kind === 'epochs') {
      setTraining((now) => ({ ...now, rows: [...now.rows, ...event.rows] }));
      return;
    }
    const news = event.kind === 'failed' ? { message: event.message } : event.news;
    const isOver = event.kind === 'failed' || event.news.outcome !== undefined;
    change({ ...news, ...(isOver && { phase: 'idle' }) });
    if (isOver) worker.end();
  });
  const { progress } = training;
  useEffect(() => {
    if (progress === undefined) return;
    const frame = requestAnimationFrame(() => worker.tell({ kind: 'drawn' }));
    return () => cancelAnimationFrame(frame);
  }, [progress]);
  const start = (choice: TrainingChoice) => {
    setTraining({ ...NONE, phase: 'training', began: choice.hidden });
    worker.send({ kind: 'train', choice });
  };
  const stop = () => {
    change({ phase: 'stopping' });
    worker.tell({ kind: 'stop' });
  };
  return [training, start, stop];
}
