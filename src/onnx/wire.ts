import { type BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { malformed, type Reading } from './reading.ts';

/*
 * A file as an index over the protobuf library's reader: a message is a list of fields, each a number, a kind and where
 * its bytes lie. So every error names its offset, fields that nobody understands are just bytes, and nothing is
 * allocated that the file's length does not justify.
 */

/** One field of a message: its bytes are `from` to `to`, those of its value `at` to `to`. */
export interface Field {
  readonly number: number;
  readonly wire: WireType;
  readonly from: number;
  readonly at: number;
  readonly to: number;
}

/**
 * Most fields in one file: what is made of each takes much more memory than the two bytes of the smallest. A network of
 * ten thousand nodes, each with documentation, has some hundred thousand.
 */
const MOST_FIELDS = 2_000_000;

/** A message taken apart. */
export interface Message {
  /** Offset in the file. */
  readonly from: number;
  readonly fields: readonly Field[];
}

/** The fields between two offsets. Throws a UsageError where the bytes are no fields, or when the file has too many. */
export function readFields(reading: Reading, from: number, to: number): Message {
  const fields: Field[] = [];
  for (let at = from; at < to; ) {
    const field = readField(reading, at, to);
    if (++reading.fields > MOST_FIELDS) throw malformed(reading, at, `it has more than ${MOST_FIELDS} fields`);
    fields.push(field);
    at = field.to;
  }
  return { from, fields };
}

/** The message that a field holds. Throws a UsageError where it is none. */
export function messageIn(reading: Reading, field: Field): Message {
  expectWire(reading, field, WireType.LengthDelimited);
  return readFields(reading, field.at, field.to);
}

/** The fields of a message with a number. */
export function all(message: Message, number: number): readonly Field[] {
  return message.fields.filter((field) => field.number === number);
}

/** The one field of a message with a number, or undefined. The last one counts, as everywhere in protobuf. */
export function last(message: Message, number: number): Field | undefined {
  return message.fields.findLast((field) => field.number === number);
}

/** The field that holds a message, or undefined. Throws a UsageError when there are several, which would be merged. */
export function only(reading: Reading, message: Message, number: number): Field | undefined {
  const fields = all(message, number);
  if (fields.length > 1) throw broken(reading, fields[1]!.from, `field ${number} occurs twice`);
  return fields[0];
}

/** The text of a field, empty when there is none. */
export function textOf(reading: Reading, message: Message, number: number): string {
  const field = last(message, number);
  return field ? textIn(reading, field) : '';
}

/**
 * An `extra`: the fields that are not understood, as they stand in the file; absent when there are none. Of the fields
 * `texts` those that are there but empty belong to it: the plain model does not tell an empty text from none.
 */
export function extraOf(
  reading: Reading,
  message: Message,
  understood: readonly number[],
  texts: readonly number[] = [],
): { extra?: Uint8Array } {
  const rest = message.fields.filter((field) => {
    if (!texts.includes(field.number)) return !understood.includes(field.number);
    return field.at === field.to && field === last(message, field.number);
  });
  return rest.length === 0 ? {} : { extra: joinFields(reading, rest) };
}

/** The bytes of some fields, one after the other, with what tells them apart. */
export function joinFields({ bytes }: Reading, fields: readonly Field[]): Uint8Array {
  const joined = new Uint8Array(fields.reduce((sum, { from, to }) => sum + to - from, 0));
  let at = 0;
  for (const { from, to } of fields) {
    joined.set(bytes.subarray(from, to), at);
    at += to - from;
  }
  return joined;
}

/** Longest that the library takes a varint to be; it skips longer ones. */
const LONGEST_VARINT = 10;

function readField(reading: Reading, from: number, limit: number): Field {
  const [number, wire] = decode(reading, from, 'no field starts there', (reader) => reader.tag());
  if (wire === WireType.StartGroup || wire === WireType.EndGroup) {
    throw broken(reading, from, `field ${number} is a group, which ONNX does not have`);
  }
  const cutOff = `the value of field ${number} is cut off`;
  let at = reading.reader.pos;
  if (wire === WireType.LengthDelimited) {
    const length = Number(decode(reading, at, cutOff, (reader) => reader.uint64()));
    at = reading.reader.pos;
    if (length > limit - at) {
      throw broken(reading, from, `field ${number} has ${length} bytes, but only ${Math.max(0, limit - at)} are left`);
    }
    return { number, wire, from, at, to: at + length };
  }
  decode(reading, at, cutOff, (reader) => reader.skip(wire));
  const to = reading.reader.pos;
  if (to > limit || (wire === WireType.Varint && to - at > LONGEST_VARINT)) throw broken(reading, from, cutOff);
  return { number, wire, from, at, to };
}

/** What the library reads at an offset; throws a UsageError that says `what` is wrong where it cannot. */
function decode<T>(reading: Reading, at: number, what: string, read: (reader: BinaryReader) => T): T {
  reading.reader.pos = at;
  try {
    return read(reading.reader);
  } catch {
    throw broken(reading, at, what);
  }
}

function broken(reading: Reading, at: number, what: string) {
  return malformed(reading, at, `it does not parse: ${what}`);
}

function expectWire(reading: Reading, { number, wire, from }: Field, expected: WireType): void {
  if (wire === expected) return;
  throw broken(reading, from, `field ${number} is stored in form ${wire}, expected ${expected}`);
}

// A byte order mark at the start is part of the text.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A field's bytes, as a view of the file. */
export function bytesIn(reading: Reading, field: Field): Uint8Array {
  expectWire(reading, field, WireType.LengthDelimited);
  return reading.bytes.subarray(field.at, field.to);
}

/** A field's text, or undefined where its bytes are no UTF-8. */
export function tryTextIn(reading: Reading, field: Field): string | undefined {
  const bytes = bytesIn(reading, field);
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** A field's text; throws a UsageError where its bytes are no UTF-8. */
export function textIn(reading: Reading, field: Field): string {
  const text = tryTextIn(reading, field);
  if (text === undefined) throw malformed(reading, field.at, 'a name holds bytes that are not UTF-8 text');
  return text;
}

/** A field's integer. */
export function int64In(reading: Reading, field: Field): bigint {
  expectWire(reading, field, WireType.Varint);
  return decode(reading, field.at, 'an integer is cut off', readInt64);
}

/** A field's float32. */
export function floatIn(reading: Reading, field: Field): number {
  expectWire(reading, field, WireType.Bit32);
  return decode(reading, field.at, 'a number is cut off', readFloat);
}

const readInt64 = (reader: BinaryReader) => BigInt(reader.int64());
const readFloat = (reader: BinaryReader) => reader.float();

/** Calls `visit` with each integer, as `read` reads it, in the fields of a list, packed or not. */
export function forEachInteger<T>(
  reading: Reading,
  fields: readonly Field[],
  read: (reader: BinaryReader) => T,
  visit: (value: T, index: number) => void,
): void {
  let index = 0;
  for (const { number, wire, from, at, to } of fields) {
    if (wire !== WireType.Varint && wire !== WireType.LengthDelimited) {
      throw broken(reading, from, `field ${number} is no list of integers`);
    }
    const cutOff = `an integer in field ${number} is cut off`;
    for (let next = at; next < to; next = reading.reader.pos) {
      const value = decode(reading, next, cutOff, read);
      if (reading.reader.pos > to) throw broken(reading, next, cutOff);
      visit(value, index++);
    }
  }
}

/** The integers in the fields of a list, converted one by one: BigInts take much more memory than the file. */
export function integersIn<T>(reading: Reading, fields: readonly Field[], convert: (value: bigint) => T): T[] {
  const values: T[] = [];
  forEachInteger(reading, fields, readInt64, (value) => values.push(convert(value)));
  return values;
}

/** How many integers the fields of a list hold. */
export function countIntegers(reading: Reading, fields: readonly Field[]): number {
  let count = 0;
  forEachInteger(
    reading,
    fields,
    (reader) => reader.int32(),
    () => count++,
  );
  return count;
}

/** The float32 numbers in the fields of a list. */
export function floatsIn(reading: Reading, fields: readonly Field[]): number[] {
  const values: number[] = [];
  countFixed(reading, fields, 4);
  for (const { at, to } of fields) {
    for (let i = at; i < to; i += 4) values.push(decode(reading, i, 'a number is cut off', readFloat));
  }
  return values;
}

/** How many values of 4 or 8 bytes the fields of a list hold, packed or not. */
export function countFixed(reading: Reading, fields: readonly Field[], size: 4 | 8): number {
  let total = 0;
  for (const { number, wire, from, at, to } of fields) {
    const single = size === 4 ? WireType.Bit32 : WireType.Bit64;
    if ((wire !== single && wire !== WireType.LengthDelimited) || (to - at) % size !== 0) {
      throw broken(reading, from, `field ${number} is no list of numbers of ${size} bytes`);
    }
    total += to - at;
  }
  return total / size;
}
