/**
 * JSON lines: one example per line, an object of numbers or nested lists of numbers by name, {"x": [[0.5, 1]], "y": 3}.
 * Every field becomes one tensor [N, ...] over the N examples.
 */
import { formatShape, sizeOf } from '../../graph/dims.ts';
import type { Tensor } from '../../graph/types.ts';
import { objectsOf } from '../lines.ts';
import { type ArrayFile, allocate, malformed } from './arrayFile.ts';
import { markPadded } from './padding.ts';

const MAX_RANK = 16;
/** Padding may take so many times the bytes of the file, and so many bytes in any case. */
const LARGEST_PADDING = 64;
const FREE_PADDING = 1 << 24;
const LARGEST_FLOAT32 = 3.4028235677973366e38;

/** One field of one example. */
interface Example {
  readonly line: number;
  readonly dims: readonly number[];
  readonly values: Float64Array;
  readonly isBool: boolean;
}

/**
 * Reads the examples of a file. Booleans become bool, integers int64, anything else float32. Where the first axis of a
 * field differs between examples, it is padded with zeros at the end and `<field>_length` is added: int64 [N], the
 * lengths before; `lengthsBeforePadding` knows them, too. Throws a UsageError that names line and field, when a line is no such object or does not match those
 * before it.
 */
export async function readJsonLines(file: ArrayFile): Promise<Map<string, Tensor>> {
  const fields = new Map<string, Example[]>();
  let examples = 0;
  const expected = 'fields by name, such as {"x": [[0.5, 1]], "y": 3}';
  for await (const { line, object, wrong } of objectsOf(file.path, expected)) {
    for (const [name, value] of Object.entries(object)) {
      const seen = fields.get(name) ?? [];
      if (seen.length < examples) throw wrong(`it has a field '${name}', which the lines before do not have`);
      seen.push({ line, ...flatten(value, (problem) => wrong(`field '${name}' ${problem}`)) });
      fields.set(name, seen);
    }
    examples++;
    for (const [name, seen] of fields) if (seen.length < examples) throw wrong(`it has no field '${name}'`);
  }
  const tensors = new Map<string, Tensor>();
  for (const [name, list] of fields) {
    const { tensor, lengths } = stack(name, list, file);
    tensors.set(name, tensor);
    if (lengths === undefined) continue;
    const lengthName = `${name}_length`;
    if (fields.has(lengthName)) {
      const fix = `rename '${lengthName}', or pad '${name}' yourself`;
      const problem = `'${name}' differs in length and needs the name '${lengthName}', which is taken`;
      throw malformed(file.path, `${problem}; ${fix}`);
    }
    tensors.set(lengthName, lengths);
  }
  return tensors;
}

/** Nested lists of equal lengths as their shape and their values in row-major order. */
function flatten(value: unknown, wrong: (problem: string) => Error): Omit<Example, 'line'> {
  const dims: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) {
    dims.push(inner.length);
    if (dims.length > MAX_RANK) throw wrong(`is nested deeper than ${MAX_RANK} lists`);
  }
  const values: number[] = [];
  let kind = '';
  const visit = (item: unknown, depth: number): void => {
    if (depth < dims.length) {
      if (!Array.isArray(item)) throw wrong(`mixes lists and ${describe(item)} at the same depth`);
      if (item.length !== dims[depth]) {
        throw wrong(`has lists of ${dims[depth]} and of ${item.length} at depth ${depth + 1}; expected equal lengths`);
      }
      for (const inner of item) visit(inner, depth + 1);
      return;
    }
    if (typeof item !== 'number' && typeof item !== 'boolean') {
      throw wrong(`holds ${describe(item)}; expected numbers (turn words into numbers before)`);
    }
    kind ||= typeof item;
    if (typeof item !== kind) throw wrong('mixes numbers with true and false');
    values.push(Number(item));
  };
  visit(value, 0);
  return { dims, values: Float64Array.from(values), isBool: kind === 'boolean' };
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value === null) return 'null';
  return typeof value === 'string' ? 'text' : `a value of type ${typeof value}`;
}

/** The examples of one field as one tensor, and their lengths where these differ. */
function stack(name: string, list: readonly Example[], file: ArrayFile): { tensor: Tensor; lengths?: Tensor } {
  const wrong = (line: number, problem: string) => malformed(file.path, `line ${line}: field '${name}' ${problem}`);
  // An empty list says nothing of the axes inside it.
  const shaped = list.find(({ dims }) => !isEmptyList(dims)) ?? list[0]!;
  const rest = shaped.dims.slice(1);
  for (const { line, dims, isBool, values } of list) {
    const fits = isEmptyList(dims) ? shaped.dims.length > 0 : dims.length === shaped.dims.length;
    if (!fits || (!isEmptyList(dims) && dims.slice(1).some((size, axis) => size !== rest[axis]))) {
      const expected = `${formatShape(shaped.dims)} in line ${shaped.line}; only the first axis may differ`;
      throw wrong(line, `has shape ${formatShape(dims)}, but ${expected}`);
    }
    if (values.length > 0 && shaped.values.length > 0 && isBool !== shaped.isBool) {
      throw wrong(line, `mixes numbers with true and false (compare line ${shaped.line})`);
    }
    const huge = values.find((value) => Math.abs(value) >= LARGEST_FLOAT32);
    if (huge !== undefined) throw wrong(line, `holds ${huge}, which is beyond float32`);
  }

  const lengths = list.map(({ dims }) => dims[0] ?? 1);
  const longest = lengths.reduce((a, b) => Math.max(a, b));
  const padded = shaped.dims.length === 0 ? [list.length] : [list.length, longest, ...rest];
  const elementType = typeOf(list);
  const bytes = sizeOf(padded) * (elementType === 'int64' ? 8 : elementType === 'float32' ? 4 : 1);
  if (bytes > Math.max(FREE_PADDING, LARGEST_PADDING * file.size)) {
    const line = list[lengths.indexOf(longest)]!.line;
    const fix = 'cut long examples up, or save arrays as .npz';
    throw wrong(line, `is so long that padding the others to it takes ${bytes} bytes; ${fix}`);
  }
  const tensor = fillPadded(elementType, padded, list, allocate(bytes, file.path, `field '${name}'`).buffer);
  if (lengths.every((length) => length === longest)) return { tensor };
  const before: Tensor = { elementType: 'int64', dims: [list.length], data: BigInt64Array.from(lengths, BigInt) };
  markPadded(tensor, before);
  return { tensor, lengths: before };
}

/** Writes each example at the start of its own part of the buffer; the rest stays zero. */
function fillPadded(
  elementType: 'bool' | 'int64' | 'float32',
  dims: readonly number[],
  list: readonly Example[],
  buffer: ArrayBuffer,
): Tensor {
  const each = sizeOf(dims.slice(1));
  if (elementType === 'int64') {
    const data = new BigInt64Array(buffer);
    for (const [n, { values }] of list.entries()) data.set(BigInt64Array.from(values, BigInt), n * each);
    return { elementType, dims, data };
  }
  const data = elementType === 'bool' ? new Uint8Array(buffer) : new Float32Array(buffer);
  for (const [n, { values }] of list.entries()) data.set(values, n * each);
  return { elementType, dims, data };
}

function typeOf(list: readonly Example[]): 'bool' | 'int64' | 'float32' {
  if (list.some(({ isBool }) => isBool)) return 'bool';
  return list.every(({ values }) => values.every(Number.isSafeInteger)) ? 'int64' : 'float32';
}

function isEmptyList(dims: readonly number[]): boolean {
  return dims.length === 1 && dims[0] === 0;
}
