/** A text and its class, as a file or a folder gives them. */
export interface LabelledText {
  readonly text: string;
  readonly label: string;
  /** Where it stands, for messages: 'reviews.csv, line 7' or 'data/pos/12.txt'. */
  readonly place: string;
}

/**
 * Which columns of a table (fields of a JSON object) hold text and label: names, or for a table without a line of
 * names two numbers from 1 on. Folders have no columns.
 */
export interface TextColumns {
  readonly text: string;
  readonly label: string;
}
