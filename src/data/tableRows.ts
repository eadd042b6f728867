import { pipeline, Readable } from 'node:stream';
import type { CsvError } from 'csv-parse';
import { malformed } from './arrays/arrayFile.ts';
import { textLines } from './lines.ts';

/** A row of a table, and the line of the file that it begins in. */
export interface Row {
  readonly line: number;
  readonly values: readonly string[];
}

/** What the parser gives: the columns, and the line in which the row ends. */
interface ParsedRow {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/** Characters of a row, at most: what is longer is a quote that nobody closed. */
const LARGEST_ROW = 1 << 24;

/**
 * The rows of a table as its lines come, the line of names included. In CSV columns are parted by commas (semicolons
 * where the first line has these alone), and a field may stand in double quotes, which may hold line breaks; in TSV
 * they are parted by tabs, and quotes are characters like others. Memory holds a few rows at a time.
 * Throws a UsageError that names the line where a row has another number of columns, or a quote is not closed.
 */
export async function* tableRows(path: string, kind: 'csv' | 'tsv'): AsyncGenerator<Row> {
  const { CsvError, parse } = await import('csv-parse');
  const lines = textLines(path);
  const first = await lines.next();
  const head = first.done ? '' : first.value.text;
  const delimiter = kind === 'tsv' ? '\t' : !head.includes(',') && head.includes(';') ? ';' : ',';
  async function* all() {
    yield `${head}\n`;
    for await (const { text } of lines) yield `${text}\n`;
  }
  let ended = 0;
  const parser = parse({
    delimiter,
    quote: kind === 'csv' ? '"' : false,
    relax_quotes: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    skip_empty_lines: true,
    max_record_size: LARGEST_ROW,
    info: true,
    on_record: (values, { lines: last }) => {
      ended = last;
      return values;
    },
  });
  try {
    const rows: AsyncIterable<ParsedRow> = pipeline(Readable.from(all()), parser, () => undefined);
    for await (const { record, info } of rows) {
      const breaks = record.join('').split('\n').length - 1;
      yield { values: record, line: info.lines - breaks };
    }
  } catch (error) {
    throw error instanceof CsvError ? malformed(path, problemOf(error, ended), error) : error;
  }
}

function problemOf(error: CsvError, ended: number): string {
  if (error.code === 'CSV_QUOTE_NOT_CLOSED' || error.code === 'CSV_MAX_RECORD_SIZE') {
    return `the row that begins after line ${ended} has a quote that is not closed`;
  }
  const [, expected, got] = /expect (\d+), got (\d+)/.exec(error.message) ?? [];
  if (got === undefined) return error.message;
  return `the row that ends in line ${error.lines} has ${got} columns, the first one has ${expected}`;
}
