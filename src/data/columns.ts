import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { malformed } from './arrays/arrayFile.ts';

/** A column that somebody asks for: `what` is the flag that names it. */
export interface WantedColumn {
  readonly what: 'text' | 'label';
  readonly name: string;
}

/** True where columns are named by numbers: the first row of the table is one like all others. */
export function areNumbers(names: readonly string[]): boolean {
  return names.every((name) => /^\d+$/.test(name));
}

/** Where a column is: by its name in the first row, or its number from 1 on. Throws a UsageError that lists what is there. */
export function columnPlace(
  path: string,
  { what, name }: WantedColumn,
  firstRow: readonly string[],
  isNumbered: boolean,
): number {
  if (isNumbered) {
    const number = Number(name);
    if (number >= 1 && number <= firstRow.length) return number - 1;
    throw new UsageError(`${path} has no column ${number} for --${what}: its first row has ${firstRow.length}`);
  }
  const names = firstRow.map((name) => name.trim());
  const at = names.indexOf(name);
  const advice = '; without a line of names, say their numbers';
  if (at < 0) throw missingColumn(`${path} has`, { what, name }, names, advice);
  if (names.includes(name, at + 1)) throw malformed(path, `it has two columns '${name}'`);
  return at;
}

/** The value of a field of a JSON object as text. `place` is where it stands; `wrong` makes the error for another value. */
export function fieldText(
  place: string,
  { what, name }: WantedColumn,
  object: object,
  wrong: (problem: string) => Error,
): string {
  const fields = new Map<string, unknown>(Object.entries(object));
  if (!fields.has(name)) throw missingColumn(`${place}: the object has`, { what, name }, [...fields.keys()]);
  const value = fields.get(name);
  if (['string', 'number', 'boolean'].includes(typeof value)) return String(value);
  throw wrong(`field '${name}' is no text or number`);
}

function missingColumn(has: string, { what, name }: WantedColumn, known: readonly string[], advice = ''): UsageError {
  return new UsageError(
    `${has} no column '${name}'${didYouMean(name, known)} for --${what}; it has ${known.join(', ')}${advice}`,
  );
}
