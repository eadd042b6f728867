import { SlimError } from '../base/errors.ts';
import { sizeOf } from '../graph/dims.ts';
import { MOST_ELEMENTS, SparseTensor, type SparseValues } from '../graph/sparseTensor.ts';
import { emptyData } from '../graph/tensors.ts';
import { SPARSE, TENSOR } from './fields.ts';
import type { Message } from './message.ts';
import { isOpaque, type NamedTensor, readTensor, writeTensor } from './tensor.ts';
import { encodedIntegers } from './varints.ts';
import type { Writer } from './writer.ts';

/** Element type number of the indices: ONNX allows int64 alone. */
const INT64 = 7;

/**
 * The tensor of a SparseTensorProto, which has the name of its values; its indices are flat [NNZ] or a coordinate for
 * each axis [NNZ, rank], in any order. What `SparseTensor` cannot hold is carried as it is. Throws a UsageError when
 * values, indices and dims do not fit together.
 */
export function readSparse(message: Message, describe: (name: string) => string): NamedTensor {
  const valuesMessage = message.only(SPARSE.values);
  const name = valuesMessage?.text(TENSOR.name) ?? '';
  const what = describe(name);
  const dims = message.counts(SPARSE.dims, `a dimension of ${what}`);
  const indicesMessage = message.only(SPARSE.indices);
  const carried: NamedTensor = {
    name,
    tensor: { kind: 'sparse', sparse: true, dims, fields: message.without() },
  };
  const isPlain = message.fields.every(({ number }) => number <= SPARSE.dims);
  if (valuesMessage === undefined || !isPlain || sizeOf(dims) > MOST_ELEMENTS) return carried;
  const { tensor: values } = readTensor(valuesMessage, () => `the values of ${what}`);
  if (isOpaque(values) || Array.isArray(values.data)) return carried;
  const count = values.data.length;
  const indices = indicesMessage ? flatIndicesIn(indicesMessage, dims, count, what) : noIndices(message, count, what);
  if (indices === undefined) return carried;
  const { elementType, extra } = values;
  const type = { elementType, dims, ...(extra && { extra }) };
  const order = orderOf(indices, message, what);
  if (order === undefined) return { name, tensor: new SparseTensor(type, values.data, indices) };
  const sorted = emptyData(elementType, count);
  for (const [to, from] of order.entries()) sorted[to] = values.data[from]!;
  const places = order.map((from) => indices[from]!);
  return { name, tensor: new SparseTensor(type, sorted as SparseValues, places) };
}

function noIndices(message: Message, count: number, what: string): Uint32Array {
  if (count === 0) return new Uint32Array(0);
  throw message.malformed(`${what} has ${count} values and no indices`);
}

/** Flat indices of a message of indices; undefined for those in a form that ONNX does not have. */
function flatIndicesIn(
  message: Message,
  dims: readonly number[],
  count: number,
  what: string,
): Uint32Array | undefined {
  const { tensor } = readTensor(message, () => `the indices of ${what}`);
  // Doc strings and the like have no place in a sparse tensor of ours.
  if (isOpaque(tensor) || tensor.extra !== undefined || !isIndexed(tensor.data)) return undefined;
  const [length, rank = 1, ...rest] = tensor.dims;
  const isFlat = tensor.dims.length === 1;
  if (length !== count || rest.length > 0 || (!isFlat && rank !== dims.length)) {
    throw message.malformed(`the indices of ${what} are [${tensor.dims}], for ${count} values of ${dims.length} axes`);
  }
  const sizes = isFlat ? [sizeOf(dims)] : dims;
  const flat = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    let index = 0;
    for (let axis = 0; axis < sizes.length; axis++) {
      const at = Number(tensor.data[i * sizes.length + axis]!);
      if (!(at >= 0 && at < sizes[axis]!)) {
        throw message.malformed(`an index of ${what} is ${at}, of ${sizes[axis]} places`);
      }
      index = index * sizes[axis]! + at;
    }
    flat[i] = index;
  }
  return flat;
}

/** ONNX says int64; ONNX Runtime reads narrower ones too. */
function isIndexed(data: unknown): data is BigInt64Array | Int32Array | Int16Array | Int8Array {
  return [BigInt64Array, Int32Array, Int16Array, Int8Array].some((kind) => data instanceof kind);
}

/** The order in which indices ascend; undefined where they do already. Throws a UsageError for one that occurs twice. */
function orderOf(indices: Uint32Array, message: Message, what: string): Uint32Array | undefined {
  const ascends = indices.every((index, i) => i === 0 || index > indices[i - 1]!);
  if (ascends) return undefined;
  const order = Uint32Array.from(indices.keys()).sort((a, b) => indices[a]! - indices[b]!);
  const twice = order.findIndex((from, i) => i > 0 && indices[from] === indices[order[i - 1]!]);
  if (twice >= 0) throw message.malformed(`the index ${indices[order[twice]!]} of ${what} occurs twice`);
  return order;
}

/**
 * Writes the fields of a SparseTensorProto. The flat indices are int64, as ONNX wants them, in the list that takes as
 * many bytes as a number needs: three up to two million places, four up to 268 million.
 */
export function writeSparse(writer: Writer, tensor: SparseTensor, name: string, what: string): void {
  const { elementType, dims, values, indices, extra } = tensor;
  if (indices.length !== values.length) {
    throw new SlimError(`cannot write ${what}: it has ${values.length} values for ${indices.length} places`);
  }
  writer.message(SPARSE.values, (inner) =>
    writeTensor(
      inner,
      { elementType, dims: [values.length], data: values, ...(extra && { extra }) },
      name,
      `the values of ${what}`,
    ),
  );
  writer.message(SPARSE.indices, (inner) => {
    inner.count(TENSOR.dims, indices.length, `the number of indices of ${what}`);
    inner.int(TENSOR.dataType, INT64);
    inner.bytes(TENSOR.int64Data, encodedIntegers(indices));
  });
  for (const dim of dims) writer.count(SPARSE.dims, dim, `a dimension of ${what}`);
}
