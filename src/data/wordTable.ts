/** Longest word that V8 copies; of a longer one it keeps the whole text that it was cut from. */
const COPIED = 12;

/** Numbers for words as they come, the same in all parts; a vocabulary later says which of them stay. */
export class WordTable {
  readonly words: string[] = [];
  private readonly numbers = new Map<string, number>();

  /** The number of a word, from 0 on; a new one for a new word. */
  numberOf(word: string): number {
    const known = this.numbers.get(word);
    if (known !== undefined) return known;
    const own = word.length > COPIED ? [...word].join('') : word;
    this.numbers.set(own, this.words.length);
    return this.words.push(own) - 1;
  }
}
