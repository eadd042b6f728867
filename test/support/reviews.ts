import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { randomStream } from '../../src/base/random.ts';

/*
 * For tests: short made-up reviews of two classes, in all forms in which labelled texts come.
 */

/** A text and its class. */
export interface Review {
  readonly text: string;
  readonly label: string;
}

const opinions = {
  good: ['lovely', 'moving', 'clever', 'warm'],
  bad: ['dull', 'noisy', 'cold', 'endless'],
} as const;

/** Reviews of which each has two words that tell its class, among others that do not; the classes take turns. */
export function reviews(count: number, seed = 1): Review[] {
  const random = randomStream(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  return Array.from({ length: count }, (_, i) => {
    const label = i % 2 === 0 ? 'good' : 'bad';
    const subject = `the ${pick(['film', 'play', 'book', 'song'])} of ${pick(['anna', 'bert', 'carl', 'dora'])}`;
    const ending = pick(['', ', they say', ' in parts', ' from its first scene to its last one']);
    return { text: `${subject} is ${pick(opinions[label])}, "${pick(opinions[label])}"${ending} ${i}`, label };
  });
}

/** A table with columns review and stars, as spreadsheets write it. */
export function asCsv(rows: readonly Review[], head = 'id,review,stars'): string {
  const lines = rows.map(({ text, label }, i) => `${i},"${text.replaceAll('"', '""')}",${label}`);
  return `${[head, ...lines].join('\n')}\n`;
}

/** The same with tabs, in which quotes are characters like others. */
export function asTsv(rows: readonly Review[]): string {
  return `${['review\tstars', ...rows.map(({ text, label }) => `${text}\t${label}`)].join('\n')}\n`;
}

/** An object a line. */
export function asJsonLines(rows: readonly Review[]): string {
  return rows.map(({ text, label }) => `${JSON.stringify({ review: text, stars: label })}\n`).join('');
}

/** A folder for each class with a file for each text; every other file is packed. */
export function writeClassFolders(folder: string, rows: readonly Review[]): void {
  rows.forEach(({ text, label }, i) => {
    const name = `${String(i).padStart(4, '0')}.txt`;
    mkdirSync(join(folder, label), { recursive: true });
    if (i % 4 < 2) writeFileSync(join(folder, label, name), text);
    else writeFileSync(join(folder, label, `${name}.gz`), gzipSync(text));
  });
}
