import { interleave, median } from '../../../bench/statistics.ts';
import { type AnswerSession, answerSession, type FoundAnswer } from '../../../tasks/question-answering/answer.ts';
import { answerWithModels, LEAD_IN } from './modelWorker.ts';
import type { AnsweredQuestion, AskedQuestion } from './protocol.ts';

// Answers a question with several models, which are timed in turn, so that a slow moment meets all of them.

/** Times that each model answers a question. */
const ROUNDS = 5;

answerWithModels<AnswerSession, AskedQuestion, AnsweredQuestion>({
  // A single passage leaves little to share among threads.
  prepare: (model, { words }, runtime) => answerSession(model, words, runtime, { threads: 1 }),
  async work(sessions, { passage, question }, say) {
    const found: FoundAnswer[] = [];
    const works = sessions.map((session, i) => async () => {
      found[i] = await session.answer(passage, question);
    });
    const times = await interleave(works, { rounds: ROUNDS, leadIn: LEAD_IN });
    for (const [i, answer] of found.entries()) say(i, { text: passage, answer, milliseconds: median(times[i]!) });
  },
});
