import { SlimError } from '../../../base/errors.ts';
import { type Vocabulary, vocabularyOf, wordsOfFile } from '../../../data/vocabulary.ts';
import type { Model } from '../../../graph/types.ts';
import { describeModel } from '../../../inspect/describe.ts';
import { readModel } from '../../../onnx/read.ts';
import type { Runtime } from '../../../runtime/runtime.ts';
import { inWords, workerRuntime } from './engine.ts';
import type { GivenModel, LoadedInfo, ModelEvent, ModelRequest } from './protocol.ts';

/** What a worker does with its models. */
interface ModelWork<Ready, Task, Result> {
  /** Makes a model ready; throws SlimError for one that is of another kind, or has other words. */
  prepare(model: Model, vocabulary: Vocabulary, runtime: Runtime): Promise<Ready>;
  /** Does a task with all models. */
  work(
    ready: readonly Ready[],
    task: Task,
    say: (model: number, result: Result) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

/** Milliseconds that a model works before it is timed: until then the browser has not optimized its WebAssembly. */
export const LEAD_IN = 60;

/** Answers the page in a worker with models side by side. */
export function answerWithModels<Ready extends { release(): Promise<void> }, Task, Result>({
  prepare,
  work,
}: ModelWork<Ready, Task, Result>): void {
  let ready: Ready[] = [];
  let turn: Promise<void> = Promise.resolve();
  let current = new AbortController();
  const say = (event: ModelEvent<Result>) => postMessage(event);

  const load = async (models: readonly GivenModel[]) => {
    const runtime = await workerRuntime();
    const made: Ready[] = [];
    const loaded: LoadedInfo[] = [];
    for (const { label, model: bytes, vocabulary } of models) {
      try {
        const model = readModel(bytes);
        made.push(await prepare(model, vocabularyOf(wordsOfFile(vocabulary)), runtime));
        const { layers, parameters } = describeModel(model);
        loaded.push({ label, hidden: layers.map(({ units }) => units), parameters, bytes: bytes.length });
      } catch (cause) {
        // The models that are there stay as they are.
        for (const model of made) await model.release();
        throw new SlimError(`${label}: ${inWords(cause)}`, { cause });
      }
    }
    for (const model of ready) await model.release();
    ready = made;
    say({ kind: 'loaded', models: loaded });
  };

  addEventListener('message', ({ data }: MessageEvent<ModelRequest<Task>>) => {
    current.abort();
    if (data.kind === 'stop') return;
    current = new AbortController();
    const { signal } = current;
    const tell = (model: number, result: Result) => say({ kind: 'result', model, result });
    // One after the other: models that are replaced must not be at work.
    turn = turn
      .then(() => (data.kind === 'load' ? load(data.models) : work(ready, data.task, tell, signal)))
      .then(() => say({ kind: 'done' }))
      .catch((error: unknown) => say({ kind: 'failed', message: inWords(error) }));
  });
}
