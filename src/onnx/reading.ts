import { UsageError } from '../errors.ts';

/** What every part of the reader needs to know of the file it reads. */
export interface Reading {
  /** The file's name in messages. */
  readonly source: string;
  readonly byteLength: number;
  /** Names given so far to dimensions that the file leaves open. */
  readonly openDims: Set<string>;
}

/** The error for bytes that no correct ONNX writer makes. */
export function malformed(reading: Reading, what: string, cause?: unknown): UsageError {
  const { source, byteLength } = reading;
  return new UsageError(
    `cannot read ${source}: ${what}; it is not an ONNX model or is truncated (${byteLength} bytes)`,
    cause === undefined ? undefined : { cause },
  );
}

/** The error for correct ONNX that the plain `Model` cannot hold; `fix` says what the user can do about it. */
export function unsupported(reading: Reading, what: string, fix: string): UsageError {
  return new UsageError(`cannot read ${reading.source}: ${what}, which is not supported; ${fix}`);
}

/** Returns the entries as they are, or throws when two have the same key; `what` names the thing that is keyed. */
export function distinct<T>(entries: readonly (readonly [string, T])[], what: string, reading: Reading) {
  const seen = new Set<string>();
  for (const [key] of entries) {
    if (seen.has(key)) throw malformed(reading, `${what} '${key}' occurs twice`);
    seen.add(key);
  }
  return entries;
}
