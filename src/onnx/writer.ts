import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Bytes } from '../base/bytes.ts';
import { SlimError } from '../base/errors.ts';
import { ENTRY } from './fields.ts';

/** Byte strings of this length on are not copied. */
const LARGE = 512;

/** Protobuf readers refuse messages of 2 GiB and more. */
const BYTE_LIMIT = 2 ** 31;

const encoder = new TextEncoder();

/**
 * A message that is being written, as a list of pieces: what the protobuf library's writer encodes, and between that
 * large byte strings, the weights, which become pieces of their own as they are and are never copied, however deep they
 * lie. What goes into a field is named by `what` in the SlimError for values that ONNX cannot hold.
 */
export class Writer {
  readonly #pieces: Uint8Array[] = [];
  /** Small fields collect here until a large one comes. */
  readonly #small = new BinaryWriter();

  /** The bytes of a message as pieces that follow each other. Throws a SlimError when they take 2 GiB or more. */
  finish(): Uint8Array[] {
    this.#flush();
    checkLength(byteLength(this.#pieces));
    return this.#pieces;
  }

  /** The bytes of a message in one piece; throws a SlimError as `finish` does. */
  joined(): Bytes {
    const pieces = this.finish();
    const bytes = new Uint8Array(byteLength(pieces));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.byteLength;
    }
    return bytes;
  }

  /** Fields that are encoded already: an `extra`. */
  encoded(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return;
    if (bytes.byteLength < LARGE) {
      this.#small.raw(bytes);
    } else {
      this.#flush();
      this.#pieces.push(bytes);
    }
  }

  /** A field that holds a message, which `fill` writes; it comes first, for its length stands before it. */
  message(number: number, fill: (inner: Writer) => void): void {
    const inner = new Writer();
    fill(inner);
    const pieces = inner.finish();
    this.#header(number, byteLength(pieces));
    for (const piece of pieces) this.encoded(piece);
  }

  /** A field that holds bytes; a view of them where they are many. Throws a SlimError for 2 GiB and more. */
  bytes(number: number, bytes: Uint8Array): void {
    this.#header(number, bytes.byteLength);
    this.encoded(bytes);
  }

  /** A field that holds text without half surrogate pairs. */
  text(number: number, text: string): void {
    this.#small.tag(number, WireType.LengthDelimited).string(text);
  }

  /** As `text`; an empty or missing text, which is the default, is left out. */
  name(number: number, text: string | undefined): void {
    if (text) this.text(number, text);
  }

  /** Text as bytes; refuses a lone surrogate, which UTF-8 cannot hold. */
  utf8(number: number, text: string, what: string): void {
    if (/\p{Surrogate}/u.test(text)) {
      throw new SlimError(`cannot write ${what}: ${JSON.stringify(text)} has half a surrogate pair`);
    }
    this.bytes(number, encoder.encode(text));
  }

  /** A message of a key and a value. */
  entry(number: number, key: string, value: string): void {
    this.message(number, (entry) => {
      entry.text(ENTRY.key, key);
      entry.text(ENTRY.value, value);
    });
  }

  /** A field that holds an integer. */
  int(number: number, value: bigint | number): void {
    this.#small.tag(number, WireType.Varint).int64(value);
  }

  /** A field that holds a number as int64, ±Infinity as its limits; refuses fractions and unsafe integers. */
  int64(number: number, value: number, what: string): void {
    if (value === Number.POSITIVE_INFINITY) this.int(number, 2n ** 63n - 1n);
    else if (value === Number.NEGATIVE_INFINITY) this.int(number, -(2n ** 63n));
    else if (Number.isSafeInteger(value)) this.int(number, value);
    else throw new SlimError(`cannot write ${what}: expected a safe integer or ±Infinity, got ${value}`);
  }

  /** A field that holds a dimension or version; refuses what is negative or no safe integer. */
  count(number: number, value: number, what: string): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new SlimError(`cannot write ${what}: expected an integer >= 0, got ${value}`);
    }
    this.int(number, value);
  }

  /** A field that holds a float32: rounding is meant, but a finite number must not become infinite. */
  float(number: number, value: number, what: string): void {
    const rounded = Math.fround(value);
    if (Number.isFinite(value) && !Number.isFinite(rounded)) {
      throw new SlimError(`cannot write ${what}: ${value} is out of the range of float32`);
    }
    this.#small.tag(number, WireType.Bit32).float(rounded);
  }

  #header(number: number, length: number): void {
    checkLength(length);
    this.#small.tag(number, WireType.LengthDelimited).uint32(length);
  }

  /** Makes a piece of the small fields. */
  #flush(): void {
    const bytes = this.#small.finish();
    if (bytes.byteLength > 0) this.#pieces.push(bytes);
  }
}

/** What a message holds that `fill` writes, in one piece. */
export function encoded(fill: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  fill(writer);
  return writer.joined();
}

function byteLength(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
}

function checkLength(length: number): void {
  if (length < BYTE_LIMIT) return;
  throw new SlimError(
    `cannot write the model: it takes ${length} bytes or more, an ONNX file must be smaller than 2 GiB; ` +
      'keep its weights in a data file beside it (saveModel does)',
  );
}
