/** The three parts of a corpus, in their usual order. */
export const PARTS = ['train', 'valid', 'test'] as const;

/** A part of a corpus: `train`, `valid` or `test`. */
export type Part = (typeof PARTS)[number];
