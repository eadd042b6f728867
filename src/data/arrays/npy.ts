/**
 * One array in NumPy's .npy format, versions 1 to 3: a preamble, a header (`npyHeader.ts`), then the elements.
 */
import { sizeOf } from '../../graph/dims.ts';
import type { Tensor } from '../../graph/types.ts';
import { allocate, malformed } from './arrayFile.ts';
import { bytesOf, bytesPerElement, tensorOf } from './elements.ts';
import { NPY_TYPES, type NpyHeader, parseNpyHeader } from './npyHeader.ts';

/** Bytes that should be a .npy file: a file itself, or a member of a .npz file. */
export interface NpyBytes {
  readonly path: string;
  /** What is read, for messages: "the file" or "array 'x'". */
  readonly what: string;
  readonly size: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

const MAGIC = '\x93NUMPY';
const PREAMBLE = MAGIC.length + 2;
/** Plain arrays have headers of about 100 bytes; longer ones describe records, which are refused anyway. */
const MAX_HEADER = 65_535;
/** Data begin at a multiple of this, for readers that map files into memory. */
const ALIGNMENT = 64;

/**
 * Reads an array; elements come out little-endian and in row-major order.
 * Throws a UsageError when the header cannot be read, or its shape does not take exactly the bytes that there are:
 * memory for the elements is allocated only then.
 */
export async function readNpy(source: NpyBytes): Promise<Tensor> {
  const { path, what, size } = source;
  const wrong = (problem: string) => malformed(path, `${what}: ${problem}`);
  const fill = filler(source);
  const preamble = await fill(PREAMBLE);
  if (latin1(preamble.subarray(0, MAGIC.length)) !== MAGIC)
    throw wrong('it does not start like a .npy array (offset 0)');
  const version = preamble[MAGIC.length]!;
  if (version < 1 || version > 3) throw wrong(`it has .npy version ${version}, expected 1, 2 or 3 (offset 6)`);
  const lengthBytes = await fill(version === 1 ? 2 : 4);
  const headerLength = lengthBytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
  if (headerLength > MAX_HEADER) {
    throw wrong(`its header has ${headerLength} bytes, expected at most ${MAX_HEADER} (offset ${PREAMBLE})`);
  }
  const headerBytes = await fill(headerLength);
  const header = parse(version === 3 ? new TextDecoder().decode(headerBytes) : latin1(headerBytes), wrong);

  const dataOffset = PREAMBLE + lengthBytes.length + headerLength;
  const bytes = sizeOf(header.shape) * bytesPerElement(header.elementType);
  if (bytes !== size - dataOffset) {
    const array = `${header.elementType} [${header.shape.join(', ')}] takes ${bytes} bytes`;
    throw wrong(`${array}, but ${size - dataOffset} follow its header (offset ${dataOffset})`);
  }
  const elements = await fill(bytes);
  await fill.end();
  if (header.bigEndian) swapBytes(elements, bytesPerElement(header.elementType));
  const ordered = header.fortranOrder ? toRowMajor(elements, header, allocate(bytes, path, what)) : elements;
  return tensorOf(header.elementType, header.shape, ordered.buffer, dataOffset, wrong);
}

/** A tensor as the pieces of a .npy file; throws a SlimError when the format has no such type. */
export function npyPieces(tensor: Tensor, name: string, refuse: (problem: string) => Error): Uint8Array[] {
  const { elementType, bytes } = bytesOf(tensor, name);
  const descr = NPY_TYPES.get(elementType);
  if (descr === undefined) throw refuse(`array '${name}' is ${elementType}, which NumPy's formats do not have`);
  const shape = tensor.dims.length === 1 ? `${tensor.dims[0]},` : tensor.dims.join(', ');
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const unpadded = PREAMBLE + 2 + dict.length + 1;
  const header = `${dict}${' '.repeat(-unpadded & (ALIGNMENT - 1))}\n`;
  const length = [header.length & 255, header.length >>> 8];
  return [Buffer.from(MAGIC, 'latin1'), Uint8Array.of(1, 0, ...length), Buffer.from(header, 'latin1'), bytes];
}

/** Takes bytes from a stream of chunks, so many at a time; `end` makes sure that there are no more. */
function filler({ path, what, size, chunks }: NpyBytes) {
  const iterator = chunks[Symbol.asyncIterator]();
  let chunk: Uint8Array = new Uint8Array(0);
  let offset = 0;
  const ended = () =>
    malformed(path, `${what}: it ends at byte ${offset} of ${size}; the file is truncated or damaged`);
  const more = async (): Promise<boolean> => {
    const { done, value } = await iterator.next();
    chunk = done ? new Uint8Array(0) : value;
    return !done;
  };
  const fill = async (length: number): Promise<Uint8Array<ArrayBuffer>> => {
    if (offset + length > size) throw ended();
    const target = new Uint8Array(allocate(length, path, what));
    for (let done = 0; done < length; ) {
      if (chunk.length === 0 && !(await more())) throw ended();
      const part = chunk.subarray(0, length - done);
      target.set(part, done);
      chunk = chunk.subarray(part.length);
      done += part.length;
      offset += part.length;
    }
    return target;
  };
  const end = async () => {
    while (chunk.length === 0) if (!(await more())) return;
    throw malformed(path, `${what}: more bytes come than the ${size} that were announced`);
  };
  return Object.assign(fill, { end });
}

function parse(text: string, wrong: (problem: string) => Error): NpyHeader {
  try {
    return parseNpyHeader(text);
  } catch (error) {
    throw wrong(`${(error as Error).message} (offset ${PREAMBLE})`);
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function swapBytes(bytes: Uint8Array<ArrayBuffer>, width: number): void {
  const buffer = Buffer.from(bytes.buffer);
  if (width === 2) buffer.swap16();
  else if (width === 4) buffer.swap32();
  else if (width === 8) buffer.swap64();
}

/** Elements whose first axis varies fastest, reordered so that the last one does. */
function toRowMajor(bytes: Uint8Array<ArrayBuffer>, header: NpyHeader, into: ArrayBuffer): Uint8Array<ArrayBuffer> {
  const { shape } = header;
  const width = bytesPerElement(header.elementType);
  // Elements of 8 bytes move as two words of 4: as floats they could lose the payload of a NaN.
  const Words = width === 1 ? Uint8Array : width === 2 ? Uint16Array : Uint32Array;
  const [from, to, words] = [new Words(bytes.buffer), new Words(into), Math.ceil(width / 4)];
  const strides = shape.map((_, axis) => words * sizeOf(shape.slice(0, axis)));
  const index = shape.map(() => 0);
  let source = 0;
  for (let target = 0; target < to.length; target += words) {
    for (let word = 0; word < words; word++) to[target + word] = from[source + word]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      source += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
      source -= strides[axis]! * shape[axis]!;
    }
  }
  return new Uint8Array(into);
}
