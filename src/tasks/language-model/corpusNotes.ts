import { grouped } from '../../base/format.ts';
import type { LoadedCorpus } from '../../data/makeCorpus.ts';
import { PARTS } from '../../data/parts.ts';
import type { TokenizationName } from '../../data/tokenizations.ts';
import { UNKNOWN, type Vocabulary } from '../../data/vocabulary.ts';

/** From this share of the words on, words that end in a mark beside the same without it are worth a note. */
const MANY_STUCK = 0.05;

/** What a corpus holds, how much of it the vocabulary does not know, and whether its words stick to marks. */
export function corpusNotes(corpus: LoadedCorpus, tokens: TokenizationName): string[] {
  const { train, valid, test, vocabulary, source } = corpus;
  const items = tokens === 'characters' ? 'characters' : tokens === 'bpe' ? 'pieces' : 'words';
  const held =
    `${source}: ${grouped(train.length)} training, ${grouped(valid.length)} validation and ` +
    `${grouped(test.length)} test tokens, ${grouped(vocabulary.words.length)} ${items}`;
  const stuck = tokens === 'whitespace' ? stuckWords(vocabulary) : [];
  return [
    held,
    ...unknownNotes(corpus),
    ...(stuck.length > vocabulary.words.length * MANY_STUCK
      ? [
          `note: ${grouped(stuck.length)} words stick to marks, such as ${JSON.stringify(stuck[0])}: ` +
            '--tokens words parts them',
        ]
      : []),
  ];
}

function unknownNotes({ vocabulary, outside, ...texts }: LoadedCorpus): string[] {
  const unknown = vocabulary.ids.get(UNKNOWN);
  if (unknown !== undefined) {
    const shares = PARTS.map((part) => {
      const share = texts[part].reduce((count, id) => count + (id === unknown ? 1 : 0), 0) / texts[part].length;
      return `${(share * 100).toFixed(1)} % of ${part}`;
    });
    return [`${UNKNOWN}, words outside the vocabulary: ${shares.join(', ')}`];
  }
  return (['valid', 'test'] as const).flatMap((part) => {
    const { dropped } = outside[part];
    if (dropped === 0) return [];
    const share = ((dropped / (dropped + texts[part].length)) * 100).toFixed(1);
    return [
      `warning: ${grouped(dropped)} tokens (${share} %) of the ${part} text are not in the vocabulary and are left out ` +
        '(with --vocabulary N, or an <unk> in the training text, they would count as <unk>)',
    ];
  });
}

/** Words that end in a mark, such as 'language.', beside the same word without it; the most frequent first. */
function stuckWords({ words, ids }: Vocabulary): string[] {
  return words.filter((word) => /\p{L}[.,;:!?)"']+$/u.test(word) && ids.has(word.replace(/[.,;:!?)"']+$/u, '')));
}
