import { EOS, readTokens, tokenizeProse } from '../../../data/tokens.ts';
import { UNKNOWN, type Vocabulary } from '../../../data/vocabulary.ts';

/** A prompt as ids, with its words and those that the model does not know. */
export interface ReadPrompt {
  readonly ids: number[];
  readonly tokens: string[];
  readonly unknown: string[];
}

/**
 * Reads typed text as the words that a model was trained on: as prose, or word for word between white space where the
 * model knows more of that (its text was tokenised beforehand). Unknown words become `<unk>`, or are left out where the
 * vocabulary has none. A prompt that does not end a sentence has no `<eos>`; an empty one is the beginning of a sentence.
 */
export function readPrompt(text: string, vocabulary: Vocabulary): ReadPrompt {
  const isKnown = (token: string) => token === EOS || vocabulary.ids.has(token);
  const unknownIn = (tokens: readonly string[]) => tokens.filter((token) => !isKnown(token));
  const [prose, plain] = [tokenizeProse(text), readTokens(text.trim())];
  const tokens = unknownIn(plain).length < unknownIn(prose).length ? plain : prose;
  const isOpen = !/[.!?]["')\]]*\s*$/.test(text);
  if (isOpen && tokens.at(-1) === EOS) tokens.pop();
  if (tokens.length === 0) tokens.push(EOS);
  const ids = tokens.flatMap((token) => vocabulary.ids.get(token) ?? vocabulary.ids.get(UNKNOWN) ?? []);
  return { ids: ids.length > 0 ? ids : [0], tokens, unknown: [...new Set(unknownIn(tokens))] };
}

const NO_SPACE_BEFORE = /^(?:[.,;:!?)\]%]|'\p{L}+|n't)$/u;
const NO_SPACE_AFTER = /^[([$]$/;

/** A word of a text with the white space before it. */
export interface Piece {
  readonly space: string;
  readonly word: string;
}

/** Words as a person would write them, one piece for each: punctuation closes up, `<eos>` ends a line. */
export function writeProse(tokens: readonly string[]): Piece[] {
  return tokens.map((token, i) => {
    const last = tokens[i - 1] ?? EOS;
    if (token === EOS) return { space: last === EOS ? '' : '\n', word: '' };
    const closesUp = last === EOS || NO_SPACE_BEFORE.test(token) || NO_SPACE_AFTER.test(last);
    return { space: closesUp ? '' : ' ', word: token };
  });
}
