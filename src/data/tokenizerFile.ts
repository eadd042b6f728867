import { UsageError } from '../base/errors.ts';
import { readTextFile } from './textFiles.ts';
import type { Tokenizer } from './tokenizations.ts';
import { EOS, linesOf } from './tokens.ts';

/**
 * The tokenizer of a `tokenizer.json` (Hugging Face): byte pairs, word pieces, unigrams. It cuts each line by itself, without
 * the special tokens that models are fed with, and `<eos>` ends the line. Throws a UsageError for a file that is none.
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const text = await readTextFile(path);
  const { Tokenizer: Tokens } = await import('@huggingface/tokenizers');
  try {
    const tokenizer = new Tokens(JSON.parse(text), {});
    const piecesOf = (line: string) => tokenizer.tokenize(line, { add_special_tokens: false });
    piecesOf('A trial.');
    return (whole) => linesOf(whole).flatMap((line) => [...(line.trim() === '' ? [] : piecesOf(line)), EOS]);
  } catch (error) {
    throw new UsageError(`${path} is no tokenizer.json of Hugging Face: ${(error as Error).message}`, { cause: error });
  }
}
