import { create } from '@bufbuild/protobuf';
import { SlimError } from '../errors.ts';
import { formatShape, sizeOf } from '../graph/dims.ts';
import type { ElementType, Tensor, TensorData } from '../graph/types.ts';
import { type TensorProto, TensorProto_DataLocation, TensorProto_DataType, TensorProtoSchema } from './onnx_pb.ts';
import { malformed, type Reading, unsupported } from './reading.ts';
import { readCount, readText, writeCount, writeText } from './scalars.ts';

type NumericType = Exclude<ElementType, 'string'>;
type NumericData = Exclude<TensorData, string[]>;
type Values = readonly number[] | readonly bigint[];

/** How one element type is stored. Typed arrays are taken to be little-endian, as raw_data is. */
interface Storage {
  readonly code: TensorProto_DataType;
  readonly bytesPerElement: number;
  /** The values in the field of TensorProto that holds this type when there is no raw_data. */
  readonly values: (proto: TensorProto) => Values;
  readonly fromValues: (values: Values) => NumericData;
  readonly view: (buffer: ArrayBufferLike, byteOffset: number, length: number) => NumericData;
  readonly holds: (data: TensorData) => data is NumericData;
}

/** What all typed arrays share; E is what they hold. */
interface ArrayKind<E extends number | bigint> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NumericData;
  from(values: ArrayLike<number | bigint>, convert: (value: number | bigint) => E): NumericData;
}

function storage<E extends number | bigint>(
  code: TensorProto_DataType,
  kind: ArrayKind<E>,
  convert: (value: number | bigint) => E,
  values: (proto: TensorProto) => Values,
): Storage {
  return {
    code,
    bytesPerElement: kind.BYTES_PER_ELEMENT,
    values,
    fromValues: (list) => kind.from(list, convert),
    view: (buffer, byteOffset, length) => new kind(buffer, byteOffset, length),
    holds: (data): data is NumericData => data instanceof kind,
  };
}

const T = TensorProto_DataType;
const STORAGE: Readonly<Record<NumericType, Storage>> = {
  float32: storage(T.FLOAT, Float32Array, Number, (p) => p.floatData),
  float64: storage(T.DOUBLE, Float64Array, Number, (p) => p.doubleData),
  float16: storage(T.FLOAT16, Uint16Array, Number, (p) => p.int32Data),
  bfloat16: storage(T.BFLOAT16, Uint16Array, Number, (p) => p.int32Data),
  int8: storage(T.INT8, Int8Array, Number, (p) => p.int32Data),
  uint8: storage(T.UINT8, Uint8Array, Number, (p) => p.int32Data),
  int16: storage(T.INT16, Int16Array, Number, (p) => p.int32Data),
  uint16: storage(T.UINT16, Uint16Array, Number, (p) => p.int32Data),
  int32: storage(T.INT32, Int32Array, Number, (p) => p.int32Data),
  uint32: storage(T.UINT32, Uint32Array, Number, (p) => p.uint64Data),
  int64: storage(T.INT64, BigInt64Array, BigInt, (p) => p.int64Data),
  uint64: storage(T.UINT64, BigUint64Array, BigInt, (p) => p.uint64Data),
  bool: storage(T.BOOL, Uint8Array, Number, (p) => p.int32Data),
};

const ELEMENT_TYPES: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [T.STRING, 'string'],
  ...(Object.keys(STORAGE) as NumericType[]).map((name) => [STORAGE[name].code, name] as const),
]);

/** The code of an element type in ONNX files. */
export function dataType(elementType: ElementType): TensorProto_DataType {
  return elementType === 'string' ? T.STRING : STORAGE[elementType].code;
}

/** The element type of a code in ONNX files; throws a UsageError for types that `Tensor` cannot hold. */
export function readElementType(code: number, what: string, reading: Reading): ElementType {
  const found = ELEMENT_TYPES.get(code);
  if (found !== undefined) return found;
  const fix = `convert it to one of ${[...ELEMENT_TYPES.values()].join(', ')}`;
  throw unsupported(reading, `${what} has element type ${T[code] ?? code}`, fix);
}

/**
 * The tensor of a TensorProto. Its data are a view of the file's bytes where these are aligned, else a copy.
 * Throws a UsageError when the data do not match the dims, lie in another file, or have a type that is not supported.
 */
export function readTensor(proto: TensorProto, what: string, reading: Reading): Tensor {
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL || proto.externalData.length > 0) {
    const fix = 'save the model as one file, for example in Python with onnx.save(onnx.load(path), new_path)';
    throw unsupported(reading, `${what} keeps its values in another file (external data)`, fix);
  }
  if (proto.segment !== undefined) throw unsupported(reading, `${what} is cut into segments`, 'store it whole');

  const elementType = readElementType(proto.dataType, what, reading);
  const dims = proto.dims.map((dim) => readCount(dim, `a dimension of ${what}`, reading));
  const data =
    elementType === 'string'
      ? proto.stringData.map((bytes) => readText(bytes, what, reading))
      : readNumbers(proto, STORAGE[elementType], what, reading);
  if (data.length !== sizeOf(dims)) {
    const expected = `expected ${sizeOf(dims)} for ${elementType} ${formatShape(dims)}`;
    throw malformed(reading, `${what} has ${data.length} values, ${expected}`);
  }
  return { elementType, dims, data };
}

function readNumbers(proto: TensorProto, kind: Storage, what: string, reading: Reading): NumericData {
  const values = kind.values(proto);
  const raw = proto.rawData;
  if (raw.byteLength > 0) {
    if (values.length > 0) throw malformed(reading, `${what} has its values twice, as raw_data and as a list`);
    const length = raw.byteLength / kind.bytesPerElement;
    if (!Number.isInteger(length)) {
      const expected = `expected a multiple of ${kind.bytesPerElement}`;
      throw malformed(reading, `${what} has ${raw.byteLength} bytes of raw_data, ${expected}`);
    }
    const aligned = raw.byteOffset % kind.bytesPerElement === 0 ? raw : raw.slice();
    return kind.view(aligned.buffer, aligned.byteOffset, length);
  }
  const data = kind.fromValues(values);
  // Small integers travel as int32 and must fit their own type.
  const misfit = data.findIndex((value: number | bigint, i: number) => !Object.is(Number(value), Number(values[i])));
  if (misfit >= 0) throw malformed(reading, `${what} has value ${values[misfit]}, out of the range of its type`);
  return data;
}

/**
 * A tensor as a TensorProto without raw_data, and the bytes that belong there: a view of the tensor's own data.
 * Strings are part of the proto; `raw` is then undefined. Throws a SlimError when the data do not match type and dims.
 */
export function writeTensor(
  tensor: Tensor,
  name: string,
  what: string,
): { proto: TensorProto; raw: Uint8Array | undefined } {
  const { elementType, dims, data } = tensor;
  const protoDims = dims.map((dim) => writeCount(dim, `a dimension of ${what}`));
  if (data.length !== sizeOf(dims)) {
    const expected = `expected ${sizeOf(dims)} for ${elementType} ${formatShape(dims)}`;
    throw new SlimError(`cannot write ${what}: it has ${data.length} values, ${expected}`);
  }
  const proto = create(TensorProtoSchema, { name, dims: protoDims, dataType: dataType(elementType) });
  if (elementType === 'string') {
    if (!Array.isArray(data)) throw mismatch(elementType, data, what);
    proto.stringData = data.map((text) => writeText(text, what));
    return { proto, raw: undefined };
  }
  if (!STORAGE[elementType].holds(data)) throw mismatch(elementType, data, what);
  return { proto, raw: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

function mismatch(elementType: ElementType, data: TensorData, what: string): SlimError {
  return new SlimError(
    `cannot write ${what}: an array of kind ${data.constructor.name} does not hold ${elementType} values`,
  );
}
