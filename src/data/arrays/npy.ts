/**
 * One array in NumPy's .npy format, versions 1 to 3: a preamble, a header (`npyHeader.ts`), then the elements.
 */
import { sizeOf } from '../../graph/dims.ts';
import type { Tensor } from '../../graph/types.ts';
import { allocate, malformed } from './arrayFile.ts';
import { bytesOf, bytesPerElement, tensorOf } from './elements.ts';
import { NPY_TYPES, type NpyHeader, parseNpyHeader } from './npyHeader.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const MAGIC = '\x93NUMPY';
const PREAMBLE = MAGIC.length + 2;
/** Plain arrays have headers of about 100 bytes; longer ones describe records, which are refused anyway. */
const MAX_HEADER = 65_535;
/** Data begin at a multiple of this, for readers that map files into memory. */
const ALIGNMENT = 64;

/**
 * The array in the bytes of a .npy file (`what` of a file: itself, or a member of an archive); elements come out
 * little-endian and in row-major order, in the same memory where they are so. Throws a UsageError when the header cannot
 * be read, or its shape does not take exactly the bytes that there are.
 */
export function readNpy(file: Bytes, path: string, what: string): Tensor {
  const wrong = (problem: string) => malformed(path, `${what}: ${problem}`);
  let offset = 0;
  const take = (length: number) => {
    if (offset + length > file.length) {
      throw wrong(`it ends at byte ${offset} of ${file.length}; the file is truncated or damaged`);
    }
    offset += length;
    return file.subarray(offset - length, offset);
  };
  const preamble = take(PREAMBLE);
  if (latin1(preamble.subarray(0, MAGIC.length)) !== MAGIC)
    throw wrong('it does not start like a .npy array (offset 0)');
  const version = preamble[MAGIC.length]!;
  if (version < 1 || version > 3) throw wrong(`it has .npy version ${version}, expected 1, 2 or 3 (offset 6)`);
  const headerLength = take(version === 1 ? 2 : 4).reduceRight((sum, byte) => sum * 256 + byte, 0);
  if (headerLength > MAX_HEADER) {
    throw wrong(`its header has ${headerLength} bytes, expected at most ${MAX_HEADER} (offset ${PREAMBLE})`);
  }
  const headerBytes = take(headerLength);
  let header: NpyHeader;
  try {
    header = parseNpyHeader(version === 3 ? new TextDecoder().decode(headerBytes) : latin1(headerBytes));
  } catch (error) {
    throw wrong(`${(error as Error).message} (offset ${PREAMBLE})`);
  }

  const { elementType, shape } = header;
  const width = bytesPerElement(elementType);
  const dataOffset = offset;
  const [needed, length] = [sizeOf(shape) * width, file.length - dataOffset];
  if (needed !== length) {
    const array = `${elementType} [${shape.join(', ')}] takes ${needed} bytes`;
    throw wrong(`${array}, but ${length} follow its header (offset ${dataOffset})`);
  }
  const stored = take(length);
  const elements = dataOffset % width === 0 ? stored : stored.slice();
  if (header.bigEndian) swapBytes(elements, width);
  const ordered = header.fortranOrder ? toRowMajor(elements, shape, width, allocate(length, path, what)) : elements;
  return tensorOf(elementType, shape, ordered, dataOffset, wrong);
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

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function swapBytes(bytes: Bytes, width: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (width === 2) buffer.swap16();
  else if (width === 4) buffer.swap32();
  else if (width === 8) buffer.swap64();
}

/** Elements whose first axis varies fastest, reordered so that the last one does. */
function toRowMajor(bytes: Bytes, shape: readonly number[], width: number, into: Bytes): Bytes {
  // Elements of 8 bytes move as two words of 4: as floats they could lose the payload of a NaN.
  const Words = width === 1 ? Uint8Array : width === 2 ? Uint16Array : Uint32Array;
  const words = Math.ceil(width / 4);
  const viewed = ({ buffer, byteOffset, length }: Bytes) =>
    new Words(buffer, byteOffset, length / Words.BYTES_PER_ELEMENT);
  const [from, to] = [viewed(bytes), viewed(into)];
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
  return into;
}
