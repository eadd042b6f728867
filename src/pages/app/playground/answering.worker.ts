import { interleave, median } from '../../../bench/statistics.ts';
import { type AnswerSession, answerSession, type FoundAnswer } from '../../../tasks/question-answering/answer.ts';
import { answerWithModels } from './modelWorker.ts';
import type { AnsweredQuestion, AskedQuestion } from './protocol.ts';

// Answers a question with several models, which are timed in turn, so that a slow moment meets all of them.

/** Times that each model answers a question, and milliseconds that it does so before, until the browser has optimized it. */
const TURNS = { rounds: 5, leadIn: 60 };

answerWithModels<AnswerSession, AskedQuestion, AnsweredQuestion>({
  // A single passage leaves little to share among threads.
  prepare: (model, { words }, runtime) => answerSession(model, words, runtime, { threads: 1 }),
  async work(sessions, { passage, question }, say) {
    const found: FoundAnswer[] = [];
    const works = sessions.map((session, i) => async () => {
      found[i] = await session.answer(passage, question);
    });
    const times = await interleave(works, TURNS);
    for (const [i, answer] of found.entries()) say(i, { text: passage, answer, milliseconds: median(times[i]!) });
  },
});
