import { UsageError } from '../../base/errors.ts';
import { malformed } from '../arrays/arrayFile.ts';
import { areNumbers, columnPlace, fieldText } from '../columns.ts';
import { objectsOf } from '../lines.ts';
import { type Row, tableRows } from '../tableRows.ts';
import { folderTexts } from './folderTexts.ts';
import type { LabelledText, TextColumns } from './labelledText.ts';

type Reader = (path: string, columns: TextColumns) => AsyncGenerator<LabelledText>;

const READERS: Readonly<Record<string, Reader>> = {
  '.csv': (path, columns) => tableTexts(path, tableRows(path, 'csv'), columns),
  '.tsv': (path, columns) => tableTexts(path, tableRows(path, 'tsv'), columns),
  '.jsonl': jsonTexts,
  '.ndjson': jsonTexts,
};

/** Endings of files of labelled texts; each may have .gz behind it. */
export const labelledEndings = Object.keys(READERS);

/** Ending of a table or of JSON lines, in small letters and without .gz; undefined for other files. */
export function endingOf(path: string): string | undefined {
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
  const isNumbered = areNumbers([columns.text, columns.label]);
  for await (const { line, values } of rows) {
    const isHead = places === undefined && !isNumbered;
    const placeOf = (what: 'text' | 'label') => columnPlace(path, { what, name: columns[what] }, values, isNumbered);
    places ??= [placeOf('text'), placeOf('label')];
    if (isHead) continue;
    yield labelled(values[places[0]]!, values[places[1]]!, `${path}, line ${line}`);
  }
  if (places === undefined) throw malformed(path, 'it has no rows');
}

async function* jsonTexts(path: string, columns: TextColumns): AsyncGenerator<LabelledText> {
  const expected = '{"text": "…", "label": "…"}';
  for await (const { line, object, wrong } of objectsOf(path, expected)) {
    const place = `${path}, line ${line}`;
    const field = (what: 'text' | 'label') => fieldText(place, { what, name: columns[what] }, object, wrong);
    yield labelled(field('text'), field('label'), place);
  }
}

function labelled(text: string, label: string, place: string): LabelledText {
  const trimmed = label.trim();
  if (trimmed === '') throw new UsageError(`${place}: the label is empty`);
  if (/[\r\n]/.test(trimmed)) throw new UsageError(`${place}: the label has a line break: ${JSON.stringify(trimmed)}`);
  return { text, label: trimmed, place };
}
