import { UsageError } from '../../../base/errors.ts';
import { randomStream } from '../../../base/random.ts';
import { median } from '../../../bench/statistics.ts';
import { EOS } from '../../../data/tokens.ts';
import { UNKNOWN, type Vocabulary } from '../../../data/vocabulary.ts';
import { answerWithModels } from './modelWorker.ts';
import { readPrompt } from './prose.ts';
import type { WritingTask, Written } from './protocol.ts';
import { sample } from './sampling.ts';
import { type TextSession, textSession } from './textSession.ts';

// Continues a text with several models in turn, so that each is timed alone and a slow moment meets all of them.

type Writer = TextSession & { readonly vocabulary: Vocabulary };

/** Words of a turn. */
const TURN = 8;

answerWithModels<Writer, WritingTask, Written>({
  async prepare(model, vocabulary, runtime) {
    const session = await textSession(model, runtime);
    const { length: predicted } = await session.read([0]);
    const known = vocabulary.words.length;
    if (predicted === known) return { ...session, vocabulary };
    await session.release();
    throw new UsageError(
      `it predicts ${predicted} words, but this vocabulary has ${known}; choose the vocabulary.txt of its run`,
    );
  },
  async work(writers, { prompt, words, temperature, seed }, say, signal) {
    const texts = [];
    for (const [model, writer] of writers.entries()) {
      const { ids, tokens: read, unknown } = readPrompt(prompt, writer.vocabulary);
      say(model, { prompt: read, unknown, tokens: [] });
      writer.reset();
      // A text begins after the end of another one.
      const begin = writer.vocabulary.ids.get(EOS);
      const logits = await writer.read(begin === undefined || ids[0] === begin ? ids : [begin, ...ids]);
      const tokens: string[] = [];
      const times: number[] = [];
      texts.push({ writer, model, logits, random: randomStream(seed), read, unknown, tokens, times });
    }
    for (let done = 0; done < words && !signal.aborted; done += TURN) {
      for (const text of texts) {
        const { writer, model, random, read, unknown, tokens, times } = text;
        const { vocabulary } = writer;
        const banned = vocabulary.ids.get(UNKNOWN);
        const count = Math.min(TURN, words - done);
        const start = performance.now();
        for (let i = 0; i < count; i++) {
          const id = sample(text.logits, temperature, banned, random);
          tokens.push(vocabulary.words[id]!);
          text.logits = await writer.read([id]);
        }
        times.push((performance.now() - start) / count);
        say(model, { prompt: read, unknown, tokens, perWord: median(times) });
      }
    }
  },
});
