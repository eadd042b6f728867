import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { SlimError } from '../base/errors.ts';

/*
 * Messages as lists of pieces: what the protobuf library's writer encodes, and between that large byte strings, the
 * weights, which become pieces of their own as they are and are never copied, however deep they lie.
 */

/** A message that is being written. */
export interface Writer {
  readonly pieces: Uint8Array[];
  /** Small fields collect here until a large one comes. */
  readonly small: BinaryWriter;
}

/** Byte strings of this length on are not copied. */
const LARGE = 512;

/** Protobuf readers refuse messages of 2 GiB and more. */
const BYTE_LIMIT = 2 ** 31;

/** An empty message. */
export function startWriting(): Writer {
  return { pieces: [], small: new BinaryWriter() };
}

/** The bytes of a message as pieces that follow each other. Throws a SlimError when they take 2 GiB or more. */
export function finish(writer: Writer): Uint8Array[] {
  flush(writer);
  checkLength(byteLength(writer.pieces));
  return writer.pieces;
}

/** The bytes of a message in one piece; throws a SlimError as `finish` does. */
export function joined(writer: Writer): Uint8Array<ArrayBuffer> {
  const pieces = finish(writer);
  const bytes = new Uint8Array(byteLength(pieces));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/** Fields that are encoded already: an `extra`. */
export function putEncoded(writer: Writer, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) return;
  if (bytes.byteLength < LARGE) {
    writer.small.raw(bytes);
  } else {
    flush(writer);
    writer.pieces.push(bytes);
  }
}

/** A field that holds a message, which `fill` writes; it comes first, for its length stands before it. */
export function putMessage(writer: Writer, number: number, fill: (inner: Writer) => void): void {
  const inner = startWriting();
  fill(inner);
  const pieces = finish(inner);
  putHeader(writer, number, byteLength(pieces));
  for (const piece of pieces) putEncoded(writer, piece);
}

/** A field that holds bytes; a view of them where they are many. Throws a SlimError for 2 GiB and more. */
export function putBytes(writer: Writer, number: number, bytes: Uint8Array): void {
  putHeader(writer, number, bytes.byteLength);
  putEncoded(writer, bytes);
}

/** A field that holds text without half surrogate pairs. */
export function putText(writer: Writer, number: number, text: string): void {
  writer.small.tag(number, WireType.LengthDelimited).string(text);
}

/** As `putText`; an empty text, which is the default, is left out. */
export function putName(writer: Writer, number: number, text: string): void {
  if (text !== '') putText(writer, number, text);
}

/** A field that holds an integer. */
export function putInt(writer: Writer, number: number, value: bigint | number): void {
  writer.small.tag(number, WireType.Varint).int64(value);
}

/** A field that holds a float32. */
export function putFloat(writer: Writer, number: number, value: number): void {
  writer.small.tag(number, WireType.Bit32).float(value);
}

function putHeader(writer: Writer, number: number, length: number): void {
  checkLength(length);
  writer.small.tag(number, WireType.LengthDelimited).uint32(length);
}

/** Makes a piece of the small fields. */
function flush({ pieces, small }: Writer): void {
  const bytes = small.finish();
  if (bytes.byteLength > 0) pieces.push(bytes);
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
