import { UsageError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';
import { malformed } from '../arrays/arrayFile.ts';
import { objectsOf } from '../lines.ts';
import { folderTexts } from './folderTexts.ts';
import type { LabelledText, TextColumns } from './labelledText.ts';
import { type Row, tableRows } from './tableRows.ts';

type Reader = (path: string, columns: TextColumns) => AsyncGenerator<LabelledText>;

const READERS: Readonly<Record<string, Reader>> = {
  '.csv': (path, columns) => tableTexts(path, tableRows(path, 'csv'), columns),
  '.tsv': (path, columns) => tableTexts(path, tableRows(path, 'tsv'), columns),
  '.jsonl': jsonTexts,
  '.ndjson': jsonTexts,
};

/** Endings of files of labelled texts; each may have .gz behind it. */
export const labelledEndings = Object.keys(READERS);

/** Ending of a file of labelled texts, without .gz; undefined for other files. */
function endingOf(path: string): string | undefined {
  const name = path.toLowerCase().replace(/\.gz$/, '');
  return labelledEndings.find((ending) => name.endsWith(ending));
}

/**
 * The labelled texts of a table (.csv, .tsv), of JSON lines, or of a folder with a sub-folder for each class, in their
 * order; empty texts too. It streams: memory holds a few rows, whatever the size of the file.
 * Throws a UsageError that names the line where something is not as it should be.
 */
export function readLabelled(
  source: { readonly path: string; readonly isFolder: boolean },
  columns: TextColumns,
): AsyncGenerator<LabelledText> {
  const { path } = source;
  if (source.isFolder) return folderTexts(path);
  const ending = endingOf(path);
  if (ending !== undefined) return READERS[ending]!(path, columns);
  throw new UsageError(
    `cannot read labelled texts from ${path}: expected a name that ends in ${labelledEndings.join(', ')} (also with ` +
      '.gz), or a folder with a sub-folder for each class',
  );
}

async function* tableTexts(path: string, rows: AsyncIterable<Row>, columns: TextColumns): AsyncGenerator<LabelledText> {
  let places: readonly [text: number, label: number] | undefined;
  const isNumbered = [columns.text, columns.label].every((column) => /^\d+$/.test(column));
  for await (const { line, values } of rows) {
    const isHead = places === undefined && !isNumbered;
    places ??= [
      placeOf('text', path, columns, values, isNumbered),
      placeOf('label', path, columns, values, isNumbered),
    ];
    if (isHead) continue;
    yield labelled(values[places[0]]!, values[places[1]]!, `${path}, line ${line}`);
  }
  if (places === undefined) throw malformed(path, 'it has no rows');
}

/** Where a column is: by its name in the first row, or its number from 1 on. */
function placeOf(
  what: 'text' | 'label',
  path: string,
  columns: TextColumns,
  firstRow: readonly string[],
  isNumbered: boolean,
): number {
  const name = columns[what];
  if (isNumbered) {
    const number = Number(name);
    if (number >= 1 && number <= firstRow.length) return number - 1;
    throw new UsageError(`${path} has no column ${number} for --${what}: its first row has ${firstRow.length}`);
  }
  const names = firstRow.map((name) => name.trim());
  const at = names.indexOf(name);
  if (at < 0) throw missingColumn(`${path} has`, what, name, names, '; without a line of names, say their numbers');
  if (names.includes(name, at + 1)) throw malformed(path, `it has two columns '${name}'`);
  return at;
}

async function* jsonTexts(path: string, columns: TextColumns): AsyncGenerator<LabelledText> {
  const expected = '{"text": "…", "label": "…"}';
  for await (const { line, object, wrong } of objectsOf(path, expected)) {
    const fields = new Map<string, unknown>(Object.entries(object));
    const field = (what: 'text' | 'label'): string => {
      const name = columns[what];
      if (!fields.has(name)) {
        throw missingColumn(`${path}, line ${line}: the object has`, what, name, [...fields.keys()]);
      }
      const value = fields.get(name);
      if (['string', 'number', 'boolean'].includes(typeof value)) return String(value);
      throw wrong(`field '${name}' is no text or number`);
    };
    yield labelled(field('text'), field('label'), `${path}, line ${line}`);
  }
}

function missingColumn(
  has: string,
  what: 'text' | 'label',
  name: string,
  known: readonly string[],
  advice = '',
): UsageError {
  return new UsageError(
    `${has} no column '${name}'${didYouMean(name, known)} for --${what}; it has ${known.join(', ')}${advice}`,
  );
}

function labelled(text: string, label: string, place: string): LabelledText {
  const trimmed = label.trim();
  if (trimmed === '') throw new UsageError(`${place}: the label is empty`);
  if (/[\r\n]/.test(trimmed)) throw new UsageError(`${place}: the label has a line break: ${JSON.stringify(trimmed)}`);
  return { text, label: trimmed, place };
}
