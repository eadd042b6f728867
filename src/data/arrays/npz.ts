/**
 * NumPy's .npz format: a zip archive of .npy files, stored or deflated, one for each array.
 */
import { createInflateRaw } from 'node:zlib';
import CRC32 from 'crc-32';
import { Zip, ZipPassThrough } from 'fflate';
import { type Entry, fromRandomAccessReaderPromise, getFileNameLowLevel, RandomAccessReader } from 'yauzl';
import { SlimError, UsageError } from '../../base/errors.ts';
import type { Tensor } from '../../graph/types.ts';
import { type ArrayFile, allocate, bytesAt, malformed } from './arrayFile.ts';
import { npyPieces, readNpy } from './npy.ts';

const ENDING = '.npy';
const STORED = 0;
const DEFLATED = 8;
/** Deflate cannot make data smaller than this: 258 bytes take at least 2 bits. */
const LARGEST_RATIO = 1032;
/** Bytes of the fixed parts of a member's two headers, one before its data and one in the directory. */
const MEMBER_HEADERS = 30 + 46;
/** Zip archives up to here need no zip64 extension. */
const MAX_ARCHIVE = 0xffff_ffff;
const MAX_MEMBERS = 0xffff;
/** The earliest time that zip archives can hold: equal arrays make equal files. */
const NO_TIME = new Date(1980, 0, 1);

/**
 * Reads all arrays of a .npz file, in the order of its directory.
 * Throws a UsageError that names the offset or the array when the file is damaged, has members that are no arrays, or
 * arrays of types we do not know; a member never takes more memory than its own compressed size justifies.
 */
export async function readNpz(file: ArrayFile): Promise<Map<string, Tensor>> {
  const arrays = new Map<string, Tensor>();
  for (const [name, { entry, start }] of await readDirectory(file)) {
    arrays.set(name, await readMember(`array '${name}'`, entry, start, file));
  }
  return arrays;
}

/** Arrays as a .npz file, stored without compression; throws a UsageError for what the format cannot hold. */
export function npzPieces(arrays: ReadonlyMap<string, Tensor>): Uint8Array[] {
  const refuse = (problem: string) => new UsageError(`${problem}; save as .safetensors instead`);
  const pieces: Uint8Array[] = [];
  const archive = new Zip((error, piece) => {
    if (error) throw error;
    pieces.push(piece);
  });
  for (const [name, tensor] of arrays) {
    const member = new ZipPassThrough(name + ENDING);
    member.mtime = NO_TIME;
    archive.add(member);
    for (const piece of npyPieces(tensor, name, refuse)) member.push(piece);
    member.push(new Uint8Array(0), true);
  }
  archive.end();
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (size > MAX_ARCHIVE || arrays.size > MAX_MEMBERS) {
    throw refuse(`${arrays.size} arrays of ${size} bytes are more than a zip archive holds`);
  }
  return pieces;
}

/** The members of the archive by name, checked against each other, and where in the file their data `start`. */
async function readDirectory(file: ArrayFile) {
  const reader = new FileReader(file);
  const members = new Map<string, { entry: Entry; start: number }>();
  // Members that share bytes would let a small file unfold to a large one.
  let taken = 0;
  try {
    // Names are decoded here: they are keys and never become paths, so "/lstm/W" is a name like any other.
    const options = { decodeStrings: false, autoClose: false };
    const archive = await fromRandomAccessReaderPromise(reader, file.size, options);
    for await (const entry of archive.eachEntry()) {
      const name = checkMember(entry, file);
      if (members.has(name)) throw malformed(file.path, `array '${name}' occurs twice`);
      taken += MEMBER_HEADERS + entry.compressedSize;
      if (taken > file.size) {
        throw malformed(file.path, `array '${name}': the arrays take ${taken} bytes, but the file has ${file.size}`);
      }
      const { fileName, fileDataStart } = await archive.readLocalFileHeaderPromise(entry);
      if (!fileName.equals(entry.fileNameRaw)) {
        const place = `offset ${entry.relativeOffsetOfLocalHeader}`;
        throw malformed(file.path, `array '${name}': its name in the directory differs from its name at ${place}`);
      }
      members.set(name, { entry, start: fileDataStart });
    }
    archive.close();
    return members;
  } catch (error) {
    if (error instanceof SlimError) throw error;
    const why = `${(error as Error).message} (offset ${reader.position})`;
    throw malformed(file.path, `it is not a .npz (zip) archive or is damaged: ${why}`, error);
  }
}

/** The name of the array; throws a UsageError for members that are no array that we can read. */
function checkMember(entry: Entry, file: ArrayFile): string {
  const fileName = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
  if (!fileName.endsWith(ENDING)) {
    const place = `offset ${entry.relativeOffsetOfLocalHeader}`;
    throw malformed(
      file.path,
      `its member '${fileName}' (${place}) is not an array; expected names that end in ${ENDING}`,
    );
  }
  const name = fileName.slice(0, -ENDING.length);
  const wrong = (problem: string) => malformed(file.path, `array '${name}': ${problem}`);
  const { compressionMethod, compressedSize, uncompressedSize } = entry;
  if (entry.isEncrypted()) throw wrong('it is encrypted; save it without a password');
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED) {
    const fix = 'save it with np.savez or np.savez_compressed';
    throw wrong(`its compression method ${compressionMethod} is not supported; ${fix}`);
  }
  if (compressionMethod === DEFLATED && uncompressedSize > LARGEST_RATIO * compressedSize) {
    const limit = `deflate unfolds them to at most ${LARGEST_RATIO * compressedSize}`;
    throw wrong(`its ${compressedSize} bytes announce ${uncompressedSize}, but ${limit}`);
  }
  return name;
}

async function readMember(what: string, entry: Entry, start: number, file: ArrayFile): Promise<Tensor> {
  const { compressionMethod, compressedSize, uncompressedSize } = entry;
  const wrong = (problem: string, cause?: unknown) => malformed(file.path, `${what}: ${problem}`, cause);
  const stored = await bytesAt(file, start, start + compressedSize, what);
  const bytes =
    compressionMethod === STORED ? stored : await inflate(stored, allocate(uncompressedSize, file.path, what), wrong);
  const crc = CRC32.buf(bytes) >>> 0;
  if (crc === entry.crc32) return readNpy(bytes, file.path, what);
  throw wrong(
    `its bytes are damaged (CRC-32 expected ${entry.crc32.toString(16)}, got ${crc.toString(16)}; offset ${start})`,
  );
}

/** Fills `target` with what deflated bytes unfold to. */
async function inflate(
  compressed: Uint8Array,
  target: Uint8Array<ArrayBuffer>,
  wrong: (problem: string, cause?: unknown) => Error,
): Promise<Uint8Array<ArrayBuffer>> {
  let done = 0;
  try {
    for await (const chunk of createInflateRaw().end(compressed)) {
      if (done + chunk.length > target.length) {
        throw wrong(`more bytes come than the ${target.length} that were announced`);
      }
      target.set(chunk, done);
      done += chunk.length;
    }
  } catch (error) {
    throw error instanceof SlimError
      ? error
      : wrong(`its compressed bytes are damaged: ${(error as Error).message}`, error);
  }
  if (done === target.length) return target;
  throw wrong(`it ends at byte ${done} of ${target.length}; the file is truncated or damaged`);
}

/** Gives yauzl the file, with places checked before they are read; its own reader crashes on places beyond 2^53. */
class FileReader extends RandomAccessReader {
  /** Where the last read began, for messages. */
  position = 0;
  readonly #file: ArrayFile;

  constructor(file: ArrayFile) {
    super();
    this.#file = file;
  }

  override read(buffer: Buffer, offset: number, length: number, position: number, callback: (e: Error | null) => void) {
    this.position = position;
    this.#file.read(buffer.subarray(offset, offset + length), position).then(
      () => callback(null),
      (error: Error) => callback(error),
    );
  }
}
