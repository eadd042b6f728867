import { type BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { UsageError } from '../base/errors.ts';
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

/** Longest that the library takes a varint to be; it skips longer ones. */
const LONGEST_VARINT = 10;

const INT64_MAX = 2n ** 63n - 1n;

/**
 * A message taken apart. It remembers which fields were asked for: all others are its `extra`. Everything throws a
 * UsageError that names the offset where the bytes do not hold what is wanted.
 */
export class Message {
  readonly reading: Reading;
  /** The field that holds the message; of a whole file one that begins at 0. */
  readonly field: Pick<Field, 'from' | 'at' | 'to'>;
  readonly fields: readonly Field[];
  readonly #understood = new Set<number>();
  readonly #texts = new Set<number>();

  constructor(reading: Reading, field: Message['field'] = { from: 0, at: 0, to: reading.bytes.byteLength }) {
    const fields: Field[] = [];
    for (let { at } = field; at < field.to; ) {
      if (++reading.fields > MOST_FIELDS) throw malformed(reading, at, `it has more than ${MOST_FIELDS} fields`);
      const next = readField(reading, at, field.to);
      fields.push(next);
      at = next.to;
    }
    this.reading = reading;
    this.field = field;
    this.fields = fields;
  }

  /** The error for a message that says what it cannot mean. */
  malformed(what: string): UsageError {
    return malformed(this.reading, this.field.from, what);
  }

  /** The fields with a number. */
  all(number: number): readonly Field[] {
    this.#understood.add(number);
    return this.fields.filter((field) => field.number === number);
  }

  /** The one field with a number, or undefined. The last one counts, as everywhere in protobuf. */
  last(number: number): Field | undefined {
    this.#understood.add(number);
    return this.fields.findLast((field) => field.number === number);
  }

  /** The message in a field, or undefined; refused when there are several, which would be merged. */
  only(number: number): Message | undefined {
    const [field, second] = this.all(number);
    if (second) throw broken(this.reading, second.from, `field ${number} occurs twice`);
    return field && this.#messageIn(field);
  }

  /** What is made of the messages in the fields with a number, one after the other. */
  map<T>(number: number, make: (message: Message, index: number) => T): T[] {
    return this.all(number).map((field, i) => make(this.#messageIn(field), i));
  }

  #messageIn(field: Field): Message {
    expectWire(this.reading, field, WireType.LengthDelimited);
    return new Message(this.reading, field);
  }

  /** The bytes of a field, as a view of the file. */
  bytesIn(field: Field): Uint8Array {
    expectWire(this.reading, field, WireType.LengthDelimited);
    return this.reading.bytes.subarray(field.at, field.to);
  }

  /** The texts of the fields with a number, undefined where the bytes are no UTF-8. */
  tryTexts(number: number): (string | undefined)[] {
    return this.all(number).map((field) => decodeText(this.bytesIn(field)));
  }

  /** The text of a field, empty when there is none; undefined where the bytes are no UTF-8. */
  tryText(number: number): string | undefined {
    const field = this.last(number);
    return field ? decodeText(this.bytesIn(field)) : '';
  }

  /** The texts of the fields with a number. */
  texts(number: number): string[] {
    return this.all(number).map((field) => this.#textIn(field));
  }

  /** The text of a field, empty when there is none. */
  text(number: number): string {
    this.#texts.add(number);
    const field = this.last(number);
    return field ? this.#textIn(field) : '';
  }

  #textIn(field: Field): string {
    const text = decodeText(this.bytesIn(field));
    if (text === undefined) throw malformed(this.reading, field.at, 'a name holds bytes that are not UTF-8 text');
    return text;
  }

  /** The integer of a field, 0 when there is none. */
  int64(number: number): bigint {
    return this.#scalar(number, WireType.Varint, 'an integer is cut off', readInt64) ?? 0n;
  }

  /** The float32 of a field, 0 when there is none. */
  float(number: number): number {
    return this.#scalar(number, WireType.Bit32, 'a number is cut off', readFloat) ?? 0;
  }

  #scalar<T>(number: number, wire: WireType, cutOff: string, read: (reader: BinaryReader) => T): T | undefined {
    const field = this.last(number);
    if (field === undefined) return undefined;
    expectWire(this.reading, field, wire);
    return decode(this.reading, field.at, cutOff, read);
  }

  /** The count or version in a field, 0 when there is none; `what` it is. */
  count(number: number, what: string): number {
    return this.#asCount(this.int64(number), what);
  }

  /** The counts in a list. */
  counts(number: number, what: string): number[] {
    return this.int64s(number, (value) => this.#asCount(value, what));
  }

  #asCount(value: bigint, what: string): number {
    const count = Number(value);
    if (!Number.isSafeInteger(count) || count < 0) throw this.malformed(`${what} is ${value}`);
    return count;
  }

  /** The integers of a list, converted one by one: BigInts take much more memory than the file. */
  int64s<T>(number: number, convert: (value: bigint) => T): T[] {
    const values: T[] = [];
    this.forEachInteger(number, readInt64, (value) => values.push(convert(value)));
    return values;
  }

  /** Calls `visit` with each integer of a list, packed or not, as `read` reads it. */
  forEachInteger<T>(
    listNumber: number,
    read: (reader: BinaryReader) => T,
    visit: (value: T, index: number) => void,
  ): void {
    const { reading } = this;
    let index = 0;
    for (const { number, wire, from, at, to } of this.all(listNumber)) {
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

  /** The float32 numbers of a list. */
  floats(number: number): number[] {
    const values: number[] = [];
    this.countFixed(number, 4);
    for (const { at, to } of this.all(number)) {
      for (let i = at; i < to; i += 4) values.push(decode(this.reading, i, 'a number is cut off', readFloat));
    }
    return values;
  }

  /** How many values of 4 or 8 bytes a list holds, packed or not. */
  countFixed(listNumber: number, size: 4 | 8): number {
    const single = size === 4 ? WireType.Bit32 : WireType.Bit64;
    let total = 0;
    for (const { number, wire, from, at, to } of this.all(listNumber)) {
      if ((wire !== single && wire !== WireType.LengthDelimited) || (to - at) % size !== 0) {
        throw broken(this.reading, from, `field ${number} is no list of numbers of ${size} bytes`);
      }
      total += to - at;
    }
    return total / size;
  }

  /**
   * An `extra`: the fields that nobody asked for, and those of `kept`, as they stand in the file; absent when there are
   * none, and without those of `leftOut`. A text that is there but empty belongs to it: the plain model does not tell an empty text from none.
   */
  extra(kept: readonly (Message['field'] | undefined)[] = [], leftOut: Message['fields'] = []): { extra?: Uint8Array } {
    const more = new Set<unknown>(kept);
    const rest = this.fields.filter((field) => {
      const isEmptyText = this.#texts.has(field.number) && field.at === field.to && field === this.last(field.number);
      return !leftOut.includes(field) && (more.has(field) || isEmptyText || !this.#understood.has(field.number));
    });
    return rest.length === 0 ? {} : { extra: this.join(rest) };
  }

  /** The bytes of some fields, one after the other, with what tells them apart. */
  join(fields: readonly Pick<Field, 'from' | 'to'>[]): Uint8Array {
    const joined = new Uint8Array(fields.reduce((sum, { from, to }) => sum + to - from, 0));
    let length = 0;
    for (const { from, to } of fields) {
      joined.set(this.reading.bytes.subarray(from, to), length);
      length += to - from;
    }
    return joined;
  }

  /** The bytes of all fields but those with some numbers. */
  without(...numbers: readonly (number | undefined)[]): Uint8Array {
    return this.join(this.fields.filter(({ number }) => !numbers.includes(number)));
  }
}

/** An int64 as a number, its limits as ±Infinity; undefined for integers that a number does not hold exactly. */
export function safeNumber(value: bigint): number | undefined {
  if (value === INT64_MAX) return Number.POSITIVE_INFINITY;
  if (value === -INT64_MAX - 1n) return Number.NEGATIVE_INFINITY;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

const readInt64 = (reader: BinaryReader) => BigInt(reader.int64());
const readFloat = (reader: BinaryReader) => reader.float();

// A byte order mark at the start is part of the text.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

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
