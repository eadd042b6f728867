import { UsageError } from '../../../base/errors.ts';
import { randomStream } from '../../../base/random.ts';
import { median } from '../../../bench/statistics.ts';
import { EOS } from '../../../data/tokens.ts';
import { UNKNOWN, type Vocabulary, vocabularyOf } from '../../../data/vocabulary.ts';
import { describeModel } from '../../../inspect/describe.ts';
import { readModel } from '../../../onnx/read.ts';
import { workerRuntime } from './engine.ts';
import { inWords } from './inWords.ts';
import { readPrompt } from './prose.ts';
import type { GenerationEvent, GenerationRequest, GivenModel, LoadedInfo } from './protocol.ts';
import { sample } from './sampling.ts';
import { type TextSession, textSession } from './textSession.ts';

/*
 * Continues a text with several models in turn, so that each is timed alone and a slow moment meets all of them.
 */

interface Writer {
  readonly session: TextSession;
  readonly vocabulary: Vocabulary;
  readonly banned: ReadonlySet<number>;
}

/** Words of a turn. */
const TURN = 8;

let writers: Writer[] = [];
let stopped = false;
let turn: Promise<void> = Promise.resolve();

const say = (event: GenerationEvent) => postMessage(event);

addEventListener('message', ({ data }: MessageEvent<GenerationRequest>) => {
  if (data.kind === 'stop') {
    stopped = true;
    return;
  }
  // One after the other: models that are replaced must not be writing.
  stopped = true;
  turn = turn
    .then(() => (data.kind === 'load' ? load(data.models) : generate(data)))
    .catch((error: unknown) => say({ kind: 'failed', message: inWords(error) }));
});

async function load(models: readonly GivenModel[]): Promise<void> {
  const runtime = await workerRuntime();
  for (const { session } of writers) await session.release();
  writers = [];
  const loaded: LoadedInfo[] = [];
  for (const { label, model: bytes, vocabulary: text } of models) {
    const words = text.trimEnd().split('\n');
    const vocabulary = vocabularyOf(words);
    const model = readModel(bytes);
    const unknown = vocabulary.ids.get(UNKNOWN);
    const session = await textSession(model, runtime);
    const { length: predicted } = await session.read([0]);
    if (predicted !== words.length) {
      await session.release();
      throw new UsageError(
        `${label} predicts ${predicted} words, but this vocabulary has ${words.length}; choose the vocabulary.txt of its run`,
      );
    }
    writers.push({
      session,
      vocabulary,
      banned: new Set(unknown === undefined ? [] : [unknown]),
    });
    const { layers, parameters } = describeModel(model);
    loaded.push({ label, words: words.length, hidden: layers.map((l) => l.units), parameters, bytes: bytes.length });
  }
  say({ kind: 'loaded', models: loaded });
}

async function generate({ prompt, words, temperature, seed }: GenerationRequest & { kind: 'generate' }): Promise<void> {
  stopped = false;
  const texts = [];
  for (const [model, writer] of writers.entries()) {
    const { ids, tokens, unknown } = readPrompt(prompt, writer.vocabulary);
    say({ kind: 'read', model, tokens, unknown });
    writer.session.reset();
    // A text begins after the end of another one.
    const begin = writer.vocabulary.ids.get(EOS);
    const logits = await writer.session.read(begin === undefined || ids[0] === begin ? ids : [begin, ...ids]);
    texts.push({ writer, model, logits, random: randomStream(seed), perWord: [] as number[] });
  }
  for (let done = 0; done < words && !stopped; done += TURN) {
    for (const text of texts) {
      const { session, vocabulary, banned } = text.writer;
      const tokens: string[] = [];
      const start = performance.now();
      for (let i = 0; i < Math.min(TURN, words - done); i++) {
        const id = sample(text.logits, temperature, banned, text.random);
        tokens.push(vocabulary.words[id]!);
        text.logits = await session.read([id]);
      }
      text.perWord.push((performance.now() - start) / tokens.length);
      say({ kind: 'words', model: text.model, tokens, perWord: median(text.perWord) });
    }
  }
  say({ kind: 'done' });
}
