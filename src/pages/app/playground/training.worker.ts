import { benchLatency, type Latency } from '../../../bench/latency.ts';
import { taskParts, trainParts } from '../../../config/trainParts.ts';
import { makeCorpus } from '../../../data/makeCorpus.ts';
import type { Model } from '../../../graph/types.ts';
import { describeModel } from '../../../inspect/describe.ts';
import { writeModel } from '../../../onnx/write.ts';
import type { ModelScores } from '../../../runs/record.ts';
import { loadedText } from '../../../tasks/language-model/problem.ts';
import { InterruptedError } from '../../../train/errors.ts';
import { finishModels } from '../../../train/finish.ts';
import type { EpochMetrics } from '../../../train/metrics.ts';
import type { BatchProgress, TrainedModel, TrainOptions } from '../../../train/options.ts';
import { scoreModel } from '../../../train/scorer.ts';
import { memoryStore } from '../../../train/store.ts';
import { train } from '../../../train/trainer.ts';
import { inWords, workerRuntime } from './engine.ts';
import { splitProse } from './prose.ts';
import type { TrainedFile, TrainingChoice, TrainingEvent, TrainingRequest, TrainingState } from './protocol.ts';
import { trainingConfig } from './trainingConfig.ts';

// Trains in a worker with the trainer that Node has; all that differs is the engine.

const stop = new AbortController();
/** Whether the page has drawn the last report: a slow one would else do nothing but draw, and hear nobody. */
let isDrawn = true;
const say = (event: TrainingEvent) => postMessage(event);
const tell = (news: TrainingState) => say({ kind: 'news', news });

addEventListener('message', ({ data }: MessageEvent<TrainingRequest>) => {
  if (data.kind === 'stop') stop.abort();
  else if (data.kind === 'drawn') isDrawn = true;
  else run(data.choice).catch((error: unknown) => say({ kind: 'failed', message: inFields(inWords(error)) }));
});

/** Milliseconds between two reports of progress, which cost the page some drawing. */
const INTERVAL = 300;
/** Most words of the vocabulary. */
const MOST_WORDS = 2000;
/** Steps of a run that is timed. */
const TIMED_STEPS = 30;

/** What the trainer says to people who type flags, in the words of the page's fields. */
function inFields(text: string): string {
  return text.replace(', or go on all the same with --train-collapsed', '').replaceAll('--iss ', 'λ ');
}

async function run(choice: TrainingChoice): Promise<void> {
  const config = trainingConfig(choice);
  const corpus = makeCorpus('pasted text', 'text that was pasted', splitProse(choice.text), {
    maxVocabulary: MOST_WORDS,
    minCount: 2,
  });
  const { train: t, valid, test, vocabulary } = corpus;
  const sizes = { train: t.length, valid: valid.length, test: test.length, words: vocabulary.words.length };
  tell({ sizes, threshold: config.threshold });
  const task = loadedText(config, corpus);
  const options = { ...trainParts(config), ...taskParts(task), runtime: await workerRuntime() };
  const trained = await trainUntilStopped(options);
  tell({ stage: 'Removing dead units and verifying that nothing changed' });
  const { model, slim } = await finishModels(trained, options);
  if (slim === undefined) throw new Error('training without a penalty leaves no slim model');
  tell({ stage: 'Scoring and timing' });
  tell({
    outcome: {
      began: trained.start.layers.map(({ units }) => units),
      models: await describedFiles(model, slim.model, options),
      vocabulary: task.files['vocabulary.txt']!,
      verify: slim.verify,
      stoppedEarly: stop.signal.aborted,
    },
  });
}

/** Trains to the end, or until the person stops it: then with the weights of the last update. */
async function trainUntilStopped(options: TrainOptions): Promise<TrainedModel> {
  const report = reporter();
  const store = memoryStore();
  try {
    return await train({
      ...{ ...options, store, signal: stop.signal, onBatch: report.batch, onEpoch: report.epoch },
      onCollapse: (text) => tell({ note: inFields(text) }),
    });
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error;
    // No further epoch: the checkpoint as a finished model.
    return await train({ ...options, store, resume: true, untilEpoch: 0 });
  } finally {
    report.rest();
  }
}

/** Passes on where the training is, not too often; every epoch is passed on. */
function reporter() {
  let said = 0;
  const epochs: EpochMetrics[] = [];
  const rest = () => {
    if (epochs.length > 0) say({ kind: 'epochs', rows: epochs.splice(0) });
  };
  return {
    rest,
    epoch: (metrics: EpochMetrics) => epochs.push(metrics),
    batch(progress: BatchProgress) {
      if (!isDrawn || performance.now() - said < INTERVAL) return;
      isDrawn = false;
      said = performance.now();
      rest();
      tell({ progress });
    },
  };
}

/** Models as files with their figures: scored on the validation text, and timed in turn. */
async function describedFiles(trained: Model, slim: Model, options: TrainOptions): Promise<[TrainedFile, TrainedFile]> {
  const scoresOf = async (model: Model) => (await scoreModel(model, options, ['valid'])).scores;
  const scores = await scoresOf(trained);
  const slimScores = slim === trained ? scores : await scoresOf(slim);
  const contestants = [trained, slim].map((model, i) => ({ name: `model ${i + 1}`, model }));
  const how = { runtime: options.runtime, batch: 1, steps: TIMED_STEPS, rounds: 5, budget: 1500 };
  const [first, second] = await benchLatency(contestants, how);
  return [fileOf('trained', trained, scores, first!), fileOf('slim', slim, slimScores, second!)];
}

function fileOf(name: TrainedFile['name'], model: Model, scores: ModelScores, { milliseconds }: Latency): TrainedFile {
  const { layers, parameters, multiplyAdds } = describeModel(model);
  const content = writeModel(model);
  const latency = { runtime: `${TIMED_STEPS} steps`, batch: 1, median: milliseconds.median };
  const sizes = { hidden: layers.map(({ units }) => units), parameters, multiplyAdds, bytes: content.length };
  return { name, content, figures: { ...sizes, scores, latencies: [latency] } };
}
