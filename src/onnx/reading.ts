import { BinaryReader } from '@bufbuild/protobuf/wire';
import { UsageError } from '../base/errors.ts';

/** The files beside a model in which it keeps values. */
export interface ExternalData {
  /** Bytes of a data file (without `length`: from `offset` to its end), or why there are none, in words. */
  read(location: string, offset: number, length: number | undefined): Uint8Array | string;
}

/** What every part of the reader needs to know of the file it reads. */
export interface Reading {
  /** The file's name in messages. */
  readonly source: string;
  readonly bytes: Uint8Array;
  /** The protobuf library's reader of all bytes; whoever wants something of it says where, by `pos`. */
  readonly reader: BinaryReader;
  /** Whether nobody else has the bytes, so that weights may be moved in place. */
  readonly ownsBytes: boolean;
  /** Names given so far to dimensions that the file leaves open, and how often each was wanted. */
  readonly openDims: Map<string, number>;
  /** The data files beside the model, where they may be read. */
  readonly external: ExternalData | undefined;
  /** Fields read so far. */
  fields: number;
  /** Bytes so far of stack traces, which are left out. */
  traceBytes: number;
}

/**
 * A reader of bytes; `source` names them in messages. Who sets `ownsBytes` hands them over: their content changes, and
 * they can be read only once.
 */
export function startReading(
  bytes: Uint8Array,
  source: string,
  external?: ExternalData,
  { ownsBytes = false } = {},
): Reading {
  // A plain Uint8Array: Node's Buffer has a slice() that does not copy.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    source,
    bytes: plain,
    reader: new BinaryReader(plain),
    ownsBytes,
    openDims: new Map(),
    external,
    fields: 0,
    traceBytes: 0,
  };
}

/** The error for bytes that no correct ONNX writer makes, near offset `at`. */
export function malformed({ source, bytes }: Reading, at: number, what: string): UsageError {
  return new UsageError(
    `cannot read ${source}: ${what} (byte ${at}); it is not an ONNX model or is truncated (${bytes.byteLength} bytes)`,
  );
}

/** The error for correct ONNX that cannot be read; `fix` says what the user can do about it. */
export function unsupported(reading: Reading, what: string, fix: string): UsageError {
  return new UsageError(`cannot read ${reading.source}: ${what}, which is not supported; ${fix}`);
}

const LONGEST_NAME = 80;

/** A name in quotes for a message; files can hold names of any length. */
export function quoted(name: string): string {
  return `'${name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name}'`;
}
