import { benchLatency } from '../../../bench/latency.ts';
import { makeCorpus } from '../../../data/makeCorpus.ts';
import type { Model } from '../../../graph/types.ts';
import { describeModel } from '../../../inspect/describe.ts';
import { LOGITS } from '../../../models/languageModel.ts';
import { writeModel } from '../../../onnx/write.ts';
import { withoutDropout } from '../../../passes/withoutDropout.ts';
import type { Checkpoint } from '../../../runs/checkpoint.ts';
import { epochOfVersion1 } from '../../../runs/version1.ts';
import type { Runtime } from '../../../runtime/runtime.ts';
import { shrinkZeros } from '../../../slim/shrink.ts';
import { freshModel } from '../../../tasks/language-model/freshModel.ts';
import { textWindows } from '../../../tasks/language-model/textWindows.ts';
import { checkConfig, type TrainConfig } from '../../../train/config.ts';
import { createEvaluator } from '../../../train/evaluate.ts';
import { InterruptedError } from '../../../train/interrupted.ts';
import type { EpochMetrics } from '../../../train/metrics.ts';
import { presets } from '../../../train/presets.ts';
import { train } from '../../../train/trainer.ts';
import { assertEqual } from '../../../verify/verify.ts';
import { workerRuntime } from './engine.ts';
import { inWords } from './inWords.ts';
import type { TrainedFile, TrainingChoice, TrainingEvent, TrainingRequest } from './protocol.ts';
import { splitProse } from './splitProse.ts';

/*
 * Trains in a worker with the trainer that Node has; all that differs is the engine.
 */

const stop = new AbortController();
const say = (event: TrainingEvent) => postMessage(event);

addEventListener('message', ({ data }: MessageEvent<TrainingRequest>) => {
  if (data.kind === 'stop') stop.abort();
  else run(data.choice).catch((error: unknown) => say({ kind: 'failed', message: inWords(error) }));
});

/** Milliseconds between two reports of progress, which cost the page some drawing. */
const INTERVAL = 300;
/** Most words of the vocabulary. */
const MOST_WORDS = 2000;

async function run(choice: TrainingChoice): Promise<void> {
  const config = configOf(choice);
  const corpus = makeCorpus('pasted text', 'text that was pasted', splitProse(choice.text), {
    maxVocabulary: MOST_WORDS,
    minCount: 2,
  });
  const { train: t, valid, test, vocabulary } = corpus;
  const info = { train: t.length, valid: valid.length, test: test.length, words: vocabulary.words.length };
  say({ kind: 'text', info, threshold: config.threshold });
  const runtime = await workerRuntime();
  let last: Checkpoint | undefined;
  let said = 0;
  const epochs: EpochMetrics[] = [];
  const tellEpochs = () => {
    if (epochs.length > 0) say({ kind: 'epochs', rows: epochs.splice(0) });
  };
  const trained = await train({
    config,
    corpus,
    model: freshModel(config, vocabulary),
    runtime,
    signal: stop.signal,
    // A training that is stopped leaves its model here.
    store: {
      load: async () => undefined,
      save: async (checkpoint) => {
        last = checkpoint;
      },
      place: () => undefined,
    },
    onWindow({ epoch, epochs: all, window, windows, perplexity, tokensPerSecond, secondsLeft, alive }) {
      if (performance.now() - said < INTERVAL) return;
      said = performance.now();
      tellEpochs();
      const share = window / windows;
      say({ kind: 'progress', epoch, epochs: all, share, perplexity, tokensPerSecond, secondsLeft, alive });
    },
    onEpoch: (metrics) => epochs.push(epochOfVersion1(metrics)!),
  })
    .finally(tellEpochs)
    .catch((error: unknown) => {
      if (error instanceof InterruptedError && last) return { model: last.model };
      throw error;
    });
  const model = withoutDropout(trained.model);
  say({ kind: 'stage', text: 'Removing dead units and verifying that nothing changed' });
  const { model: slim, groups, removed } = shrinkZeros(model);
  const feeds = textWindows(valid, config);
  const verify = await assertEqual(runtime, model, slim, { feeds, removal: { groups, removed } });
  say({ kind: 'stage', text: 'Scoring and timing' });
  const perplexity = await perplexityOf(model, valid, config, runtime);
  const slimPerplexity = slim === model ? perplexity : await perplexityOf(slim, valid, config, runtime);
  const [trainedTime, slimTime] = await timesOf([model, slim], runtime);
  say({
    kind: 'finished',
    outcome: {
      began: config.hidden,
      models: [fileOf('trained', model, perplexity, trainedTime!), fileOf('slim', slim, slimPerplexity, slimTime!)],
      vocabulary: `${vocabulary.words.join('\n')}\n`,
      verify,
      stoppedEarly: stop.signal.aborted,
    },
  });
}

/** The small preset with what the person chose. */
function configOf({ hidden, iss, epochs, learningRate, seed, shrink }: TrainingChoice): TrainConfig {
  const size = Math.max(...hidden);
  return checkConfig(
    {
      ...presets['iss-small'],
      ...{ hidden: [...hidden], embedding: size, iss, epochs, learningRate, seed, shrink },
      flatEpochs: Math.ceil(epochs / 2),
      shrinkEvery: 50,
      checkpointEvery: Number.MAX_SAFE_INTEGER,
    },
    'these settings',
  );
}

async function perplexityOf(model: Model, ids: Int32Array, config: TrainConfig, runtime: Runtime): Promise<number> {
  const evaluator = await createEvaluator(model, LOGITS, runtime);
  try {
    return await evaluator.perplexity(ids, { batch: config.batch, steps: config.steps, label: 'validation text' });
  } finally {
    await evaluator.release();
  }
}

/** Median milliseconds of 30 steps at batch 1, models in turn. */
async function timesOf(models: readonly Model[], runtime: Runtime): Promise<number[]> {
  const contestants = models.map((model, i) => ({ name: `model ${i + 1}`, model }));
  const timed = await benchLatency(contestants, { runtime, batch: 1, steps: 30, rounds: 5, budget: 1500 });
  return timed.map(({ milliseconds }) => milliseconds.median);
}

function fileOf(name: TrainedFile['name'], model: Model, validPerplexity: number, latency: number): TrainedFile {
  const { layers, parameters, multiplyAdds } = describeModel(model);
  const hidden = layers.map(({ units }) => units);
  return { name, bytes: writeModel(model), hidden, parameters, multiplyAdds, validPerplexity, latency };
}
