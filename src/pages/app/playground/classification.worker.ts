import { interleave, median } from '../../../bench/statistics.ts';
import { vocabularyOf } from '../../../data/vocabulary.ts';
import { describeModel } from '../../../inspect/describe.ts';
import { readModel } from '../../../onnx/read.ts';
import { type TextSession, textSession } from '../../../tasks/text-classification/classify.ts';
import { workerRuntime } from './engine.ts';
import { inWords } from './inWords.ts';
import type { ClassificationEvent, ClassificationRequest, ClassifiedText, GivenModel, LoadedInfo } from './protocol.ts';

/*
 * Classifies a text with several models, which are timed in turn, so that a slow moment meets all of them.
 */

/** Times that each model reads a text. */
const ROUNDS = 15;

let classifiers: TextSession[] = [];
let turn: Promise<void> = Promise.resolve();

const say = (event: ClassificationEvent) => postMessage(event);

addEventListener('message', ({ data }: MessageEvent<ClassificationRequest>) => {
  // One after the other: models that are replaced must not be at work.
  turn = turn
    .then(() => (data.kind === 'load' ? load(data.models) : classify(data.text)))
    .catch((error: unknown) => say({ kind: 'failed', message: inWords(error) }));
});

async function load(models: readonly GivenModel[]): Promise<void> {
  const runtime = await workerRuntime();
  for (const classifier of classifiers) await classifier.release();
  classifiers = [];
  const loaded: LoadedInfo[] = [];
  for (const { label, model: bytes, vocabulary } of models) {
    const model = readModel(bytes);
    const words = vocabulary.trimEnd().split('\n');
    // A single text leaves little to share among threads.
    classifiers.push(await textSession(model, vocabularyOf(words), runtime, { threads: 1 }));
    const { layers, parameters } = describeModel(model);
    loaded.push({ label, words: words.length, hidden: layers.map((l) => l.units), parameters, bytes: bytes.length });
  }
  say({ kind: 'loaded', models: loaded });
}

async function classify(text: string): Promise<void> {
  const times = await interleave(
    classifiers.map((classifier) => () => classifier.classify([text])),
    { rounds: ROUNDS },
  );
  const texts: ClassifiedText[] = [];
  for (const [i, { classes, classify: classifyTexts }] of classifiers.entries()) {
    const [found] = await classifyTexts([text]);
    const { probabilities, unknown } = found!;
    texts.push({
      classes: classes
        .map((name, c) => ({ name, probability: probabilities[c]! }))
        .sort((a, b) => b.probability - a.probability),
      unknown,
      milliseconds: median(times[i]!),
    });
  }
  say({ kind: 'classified', texts });
}
