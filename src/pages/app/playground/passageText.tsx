import type { FoundAnswer } from '../../../tasks/question-answering/answer.ts';

interface PassageTextProps {
  readonly text: string;
  readonly answer: Pick<FoundAnswer, 'passage' | 'start' | 'end'>;
  /** How strongly each word of the passage is coloured, from 0 to 1; undefined for none. */
  readonly shades: readonly number[] | undefined;
}

/** A passage with its answer marked. */
export function PassageText({ text, answer: { passage, start, end }, shades }: PassageTextProps) {
  const part = (from: number, to: number) =>
    shades === undefined ? text.slice(from, to) : tinted(text, passage, shades, from, to);
  return (
    <p class="prose">
      {part(0, start)}
      <mark class="answer">{part(start, end)}</mark>
      {part(end, text.length)}
    </p>
  );
}

/** Most that a word takes of the colour of its tint, in percent: it stays legible. */
const TINT = 45;
/** What is tinted less looks the same without. */
const FAINT = 0.02;

/** The words from one place of a text to another, each in its tint. */
function tinted(
  text: string,
  { starts, ends }: FoundAnswer['passage'],
  shades: readonly number[],
  from: number,
  to: number,
) {
  let at = from;
  const pieces = shades.flatMap((shade, i) => {
    const [start, end] = [starts[i]!, ends[i]!];
    if (shade < FAINT || start < from || end > to) return [];
    const before = text.slice(at, start);
    at = end;
    const background = `color-mix(in srgb, var(--series-1) ${shade * TINT}%, transparent)`;
    return [
      before,
      <span key={i} class="tinted" style={{ background }}>
        {text.slice(start, end)}
      </span>,
    ];
  });
  return [...pieces, text.slice(at, to)];
}
