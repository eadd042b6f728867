import { interleave, median } from '../../../bench/statistics.ts';
import { type TextSession, textSession } from '../../../tasks/text-classification/classify.ts';
import { answerWithModels, LEAD_IN } from './modelWorker.ts';
import type { ClassifiedText } from './protocol.ts';

// Classifies a text with several models, which are timed in turn, so that a slow moment meets all of them.

/** Times that each model reads a text. */
const ROUNDS = 15;

answerWithModels<TextSession, string, ClassifiedText>({
  // A single text leaves little to share among threads.
  prepare: (model, vocabulary, runtime) => textSession(model, vocabulary, runtime, { threads: 1 }),
  async work(classifiers, text, say) {
    const works = classifiers.map((classifier) => () => classifier.classify([text]));
    const times = await interleave(works, { rounds: ROUNDS, leadIn: LEAD_IN });
    for (const [i, { classes, classify }] of classifiers.entries()) {
      const [found] = await classify([text]);
      const { probabilities, unknown } = found!;
      const shares = classes.map((name, c) => ({ name, probability: probabilities[c]! }));
      shares.sort((a, b) => b.probability - a.probability);
      say(i, { classes: shares, unknown, milliseconds: median(times[i]!) });
    }
  },
});
