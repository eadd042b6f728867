/*
 * How SQuAD 1.1 scores answers (Rajpurkar et al. 2016, section 6.1): equal words, or the overlap of words, after both
 * texts were brought into one form; the best of several people's answers counts. The form is that of the official script,
 * which is written in Python: what a word, white space and lower case are follows it.
 */

const MARKS = /[!-/:-@[-`{-~]/g;
/** Where Python's \b stands: letters, numbers and _ make words, combining marks do not. */
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
/** What Python's `str.split` splits at, control characters that separate records included. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python counts them as white space
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** Words of an answer that count: in lower case, without marks and articles. */
export function answerWords(text: string): string[] {
  const plain = text.toLowerCase().replace(MARKS, '').replace(ARTICLES, ' ');
  return plain.split(SPACE).filter((word) => word !== '');
}

/** Share of the words of two answers that both have: 2 · common / all, each as often as it occurs; 0 without words. */
function overlap(predicted: readonly string[], right: readonly string[]): number {
  const left = new Map<string, number>();
  for (const word of right) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of predicted) {
    const n = left.get(word) ?? 0;
    if (n > 0) common++;
    left.set(word, n - 1);
  }
  return common === 0 ? 0 : (2 * common) / (predicted.length + right.length);
}

/** What an answer to a question is worth. */
export interface AnswerScore {
  /** 1 when it is one of the right answers, else 0. */
  readonly exact: number;
  /** F1 of its words, with the right answer that is nearest. */
  readonly f1: number;
}

/** Scores a predicted answer against what people answered. */
export function scoreAnswer(predicted: string, answers: readonly string[]): AnswerScore {
  const words = answerWords(predicted);
  let [exact, f1] = [0, 0];
  for (const answer of answers) {
    const right = answerWords(answer);
    if (right.join(' ') === words.join(' ')) exact = 1;
    f1 = Math.max(f1, overlap(words, right));
  }
  return { exact, f1 };
}
