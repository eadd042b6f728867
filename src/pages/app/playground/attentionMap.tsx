import type { FoundAnswer } from '../../../tasks/question-answering/answer.ts';
import { Table } from '../../shared/table.tsx';

interface AttentionMapProps {
  readonly answer: FoundAnswer;
  /** The word of the question that is shown in the passage. */
  readonly chosen: number | undefined;
  readonly onChoose: (word: number | undefined) => void;
}

/** Where a passage looks at a question: a strip for each word of the question, the passage's words from left to right. */
export function AttentionMap({ answer, chosen, onChoose }: AttentionMapProps) {
  const { question, passage } = answer;
  const named = (weight: number, t: number) => `${passage.words[t]} ${percent(weight)}`;
  return (
    <figure class="attention">
      <figcaption class="quiet small">
        Where the passage, from left to right, looks at each word of the question; the strongest colour is{' '}
        {percent(peakOf(answer))}. Choose a word to see it in the passage.
      </figcaption>
      <div class="strips">
        {question.words.map((word, j) => (
          <div key={j}>
            <button type="button" aria-pressed={chosen === j} onClick={() => onChoose(chosen === j ? undefined : j)}>
              {word}
            </button>
            <Strip shades={shadesOf(answer, j)} titles={attentionTo(answer, j).map(named)} />
          </div>
        ))}
        <div>
          <span class="label">answer</span>
          <Strip shades={answerPlaces(answer)} titles={passage.words} isAnswer />
        </div>
      </div>
      <details class="chart-table">
        <summary>Numbers</summary>
        <Table
          head={['word of the question', 'words that look at it most']}
          rows={lookingMost(answer)}
          label="Attention"
        />
      </details>
    </figure>
  );
}

/** How much each word of the passage looks at one word of the question. */
function attentionTo({ attention }: FoundAnswer, word: number): number[] {
  return attention.map((row) => row[word]!);
}

/** The most that any word looks at another. */
function peakOf({ attention }: FoundAnswer): number {
  return attention.reduce((most, row) => Math.max(most, ...row), 0);
}

/** How strongly the words of the passage are coloured for one word of the question: its attention as a share of the peak. */
export function shadesOf(answer: FoundAnswer, word: number): number[] {
  const peak = peakOf(answer);
  return attentionTo(answer, word).map((weight) => weight / peak);
}

/** 1 for each word of the passage that is in the answer. */
function answerPlaces({ passage: { starts, ends }, start, end }: FoundAnswer): number[] {
  return Array.from(starts, (from, i) => (from >= start && ends[i]! <= end ? 1 : 0));
}

/** What is paler cannot be seen. */
const FAINT = 0.01;

interface StripProps {
  /** How strongly each word of the passage is coloured, from 0 to 1. */
  readonly shades: readonly number[];
  /** What is said of each. */
  readonly titles: readonly string[];
  readonly isAnswer?: boolean;
}

/** A row of the picture; what it shows is in the table below and, word by word, in the passage. */
function Strip({ shades, titles, isAnswer = false }: StripProps) {
  return (
    <svg
      class={isAnswer ? 'strip answer' : 'strip'}
      viewBox={`0 0 ${shades.length} 1`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {shades.map((shade, t) =>
        shade < FAINT ? null : (
          <rect key={t} x={t} width="1" height="1" fill-opacity={shade.toFixed(3)}>
            <title>{titles[t]}</title>
          </rect>
        ),
      )}
    </svg>
  );
}

/** Words of the passage that are named for a word of the question. */
const NAMED = 3;

function lookingMost(answer: FoundAnswer): string[][] {
  const { question, passage } = answer;
  return question.words.map((word, j) => {
    const weights = attentionTo(answer, j);
    const order = [...weights.keys()].sort((a, b) => weights[b]! - weights[a]!).slice(0, NAMED);
    return [word, order.map((t) => `${passage.words[t]} ${percent(weights[t]!)}`).join(', ')];
  });
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
