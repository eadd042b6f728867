/**
 * The safetensors format: a header length (uint64), a header in JSON, then the data of the tensors without gaps.
 * https://github.com/huggingface/safetensors#format
 */
import { z } from 'zod';
import { UsageError } from '../../base/errors.ts';
import { sizeOf } from '../../graph/dims.ts';
import type { Tensor } from '../../graph/types.ts';
import type { NumericType } from '../../onnx/storage.ts';
import { type ArrayFile, bytesAt, malformed } from './arrayFile.ts';
import { bytesOf, bytesPerElement, tensorOf } from './elements.ts';

/** The key of the header that is no tensor. */
const METADATA = '__metadata__';
const LENGTH_BYTES = 8;
/** The format's own limit. */
const MAX_HEADER = 100_000_000;

const ELEMENT_TYPES: Readonly<Record<string, NumericType>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
};
const CODES = new Map(Object.entries(ELEMENT_TYPES).map(([code, type]) => [type, code]));

const count = z.int().nonnegative();
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(count),
  data_offsets: z.tuple([count, count]),
});
const metadataSchema = z.record(z.string(), z.string());

/** A tensor as the header describes it; `begin` counts from the end of the header. */
interface Entry {
  readonly name: string;
  readonly elementType: NumericType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads all tensors of a safetensors file, in the order of its header.
 * Throws a UsageError that names the offset or the tensor when the file is damaged, or has a type we do not know.
 */
export async function readSafetensors(file: ArrayFile): Promise<Map<string, Tensor>> {
  const { header, dataStart } = await readHeader(file);
  const entries = Object.entries(header)
    .filter(([name]) => name !== METADATA)
    .map(([name, entry]) => parseEntry(name, entry, file));
  checkLayout(entries, dataStart, file);
  const tensors = new Map<string, Tensor>();
  for (const { name, elementType, shape, begin, end } of entries) {
    const start = dataStart + begin;
    const bytes = await bytesAt(file, start, dataStart + end, `tensor '${name}'`);
    const wrong = (problem: string) => malformed(file.path, `tensor '${name}': ${problem}`);
    tensors.set(name, tensorOf(elementType, shape, bytes, start, wrong));
  }
  return tensors;
}

/** Arrays as the pieces of a safetensors file; throws a UsageError for a name that the format keeps for itself. */
export function safetensorsPieces(arrays: ReadonlyMap<string, Tensor>): Uint8Array[] {
  if (arrays.has(METADATA)) throw new UsageError(`an array cannot have the name '${METADATA}' in a safetensors file`);
  const tensors = [...arrays].map(([name, tensor]) => ({ name, dims: tensor.dims, ...bytesOf(tensor, name) }));
  // Wide types first, as the format's own writer does: so the data of each are aligned.
  tensors.sort((a, b) => bytesPerElement(b.elementType) - bytesPerElement(a.elementType));
  let end = 0;
  const header = tensors.map(({ name, dims, elementType, bytes }) => {
    const begin = end;
    end += bytes.length;
    return [name, { dtype: CODES.get(elementType), shape: dims, data_offsets: [begin, end] }];
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const padding = Buffer.alloc(-json.length & 7, ' ');
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(json.length + padding.length));
  return [length, json, padding, ...tensors.map(({ bytes }) => bytes)];
}

async function readHeader(file: ArrayFile): Promise<{ header: object; dataStart: number }> {
  const length = Buffer.alloc(LENGTH_BYTES);
  await file.read(length, 0);
  const headerLength = Number(length.readBigUInt64LE());
  const limit = Math.min(MAX_HEADER, file.size - LENGTH_BYTES);
  if (headerLength > limit) {
    const expected = `expected at most ${limit} in a file of ${file.size} bytes`;
    throw malformed(file.path, `its header has ${length.readBigUInt64LE()} bytes (offset 0), ${expected}`);
  }
  const dataStart = LENGTH_BYTES + headerLength;
  const bytes = await bytesAt(file, LENGTH_BYTES, dataStart, 'its header');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    const why = (error as Error).message;
    throw malformed(file.path, `its header (offset ${LENGTH_BYTES}) is not JSON in UTF-8: ${why}`, error);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw malformed(file.path, `its header (offset ${LENGTH_BYTES}) is not a JSON object`);
  }
  if (METADATA in header && !metadataSchema.safeParse(header[METADATA]).success) {
    throw malformed(file.path, `${METADATA} in its header (offset ${LENGTH_BYTES}) is not an object of texts`);
  }
  return { header, dataStart };
}

function parseEntry(name: string, entry: unknown, file: ArrayFile): Entry {
  const wrong = (problem: string) => malformed(file.path, `tensor '${name}': ${problem}`);
  const parsed = entrySchema.safeParse(entry);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw wrong(`its header entry is wrong: ${[...issue.path, ''].join(': ')}${issue.message}`);
  }
  const { dtype, shape, data_offsets } = parsed.data;
  const elementType = Object.hasOwn(ELEMENT_TYPES, dtype) ? ELEMENT_TYPES[dtype] : undefined;
  if (elementType === undefined) {
    throw wrong(`its type ${dtype} is not supported; convert it to one of ${Object.keys(ELEMENT_TYPES).join(', ')}`);
  }
  const [begin, end] = data_offsets;
  const bytes = sizeOf(shape) * bytesPerElement(elementType);
  if (end - begin !== bytes) {
    throw wrong(`${dtype} [${shape.join(', ')}] takes ${bytes} bytes, but its offsets are ${begin} to ${end}`);
  }
  return { name, elementType, shape, begin, end };
}

/** The data must follow each other without a gap or an overlap, up to the end of the file. */
function checkLayout(entries: readonly Entry[], dataStart: number, file: ArrayFile): void {
  let reached = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== reached) {
      const problem = begin < reached ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw malformed(file.path, `tensor '${name}' at ${begin} ${problem}, which ends at ${reached}`);
    }
    reached = end;
    if (dataStart + end > file.size) {
      const reaches = `reaches to byte ${dataStart + end}, but the file ends at ${file.size}`;
      throw malformed(file.path, `tensor '${name}' ${reaches}; it is truncated or damaged`);
    }
  }
  if (dataStart + reached !== file.size) {
    throw malformed(file.path, `its tensors end at byte ${dataStart + reached}, but the file ends at ${file.size}`);
  }
}
