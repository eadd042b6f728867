import fc from 'fast-check';
import type {
  Attribute,
  Dim,
  ElementType,
  Graph,
  ListedInitializer,
  Model,
  ModelFunction,
  Node,
  OpaqueTensor,
  Tensor,
  TensorData,
  TensorType,
  ValueInfo,
} from '../../src/graph/types.ts';
import { ATTRIBUTE, SPARSE, TENSOR, TYPE, VALUE } from '../../src/onnx/fields.ts';
import { encoded } from '../../src/onnx/writer.ts';

/*
 * For tests: random models with everything that a file may say.
 */

const ARRAYS: Record<Exclude<ElementType, 'string'>, (bytes: ArrayBuffer) => TensorData> = {
  float32: (b) => new Float32Array(b),
  float64: (b) => new Float64Array(b),
  float16: (b) => new Uint16Array(b),
  bfloat16: (b) => new Uint16Array(b),
  int8: (b) => new Int8Array(b),
  uint8: (b) => new Uint8Array(b),
  int16: (b) => new Int16Array(b),
  uint16: (b) => new Uint16Array(b),
  int32: (b) => new Int32Array(b),
  uint32: (b) => new Uint32Array(b),
  int64: (b) => new BigInt64Array(b),
  uint64: (b) => new BigUint64Array(b),
  bool: (b) => new Uint8Array(b),
};
const numericType = fc.constantFrom(...(Object.keys(ARRAYS) as (keyof typeof ARRAYS)[]));

const text = fc.string({ unit: 'grapheme', maxLength: 6 });
const names = fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }), { maxLength: 3 });
const dims = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });

/** Fields with numbers that no message has. */
const unknownFields: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.tuple(fc.integer({ min: 1000, max: 9999 }), fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 60n }), fc.uint8Array())),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((fields) =>
    encoded((writer) => {
      for (const [number, value] of fields) {
        if (typeof value === 'bigint') writer.int(number, value);
        else writer.bytes(number, value);
      }
    }),
  );

/** Adds fields to a record, `extra` among them, each of which may be left out. */
function withOptional<T extends object>(
  record: fc.Arbitrary<T>,
  optional: Readonly<Record<string, fc.Arbitrary<unknown>>> = {},
): fc.Arbitrary<T> {
  const more = fc.record({ extra: unknownFields, ...optional }, { requiredKeys: [] });
  return fc.tuple(record, more).map(([a, b]) => ({ ...a, ...b }));
}

const numericTensor: fc.Arbitrary<Tensor> = fc.tuple(numericType, dims).chain(([elementType, dims]) => {
  const size = dims.reduce((a, b) => a * b, 1);
  // Any bits, among them NaN with a payload, -0 and the limits of every integer.
  const bytesPerElement = ARRAYS[elementType](new ArrayBuffer(8)).length;
  const length = (size * 8) / bytesPerElement;
  return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => {
    const data = ARRAYS[elementType](bytes.slice().buffer);
    return { elementType, dims, data };
  });
});
const stringTensor: fc.Arbitrary<Tensor> = dims.chain((dims) => {
  const length = dims.reduce((a, b) => a * b, 1);
  const data = fc.array(text, { minLength: length, maxLength: length });
  return data.map((data) => ({ elementType: 'string', dims, data }));
});
const tensor: fc.Arbitrary<Tensor> = withOptional(fc.oneof({ weight: 4, arbitrary: numericTensor }, stringTensor));
const opaqueTensor: fc.Arbitrary<OpaqueTensor> = fc
  .record({ raw: fc.uint8Array({ minLength: 1 }), dims, rest: unknownFields })
  .map(({ raw, dims, rest }) => ({
    kind: 'of element type INT4',
    sparse: false,
    dims,
    fields: encoded((writer) => {
      for (const dim of dims) writer.int(TENSOR.dims, dim);
      writer.int(TENSOR.dataType, 22);
      writer.encoded(rest);
    }),
    raw,
  }));
const sparseTensor = (name: string): fc.Arbitrary<OpaqueTensor> =>
  dims.map((dims) => ({
    kind: 'sparse',
    sparse: true,
    dims,
    fields: encoded((writer) => {
      writer.message(SPARSE.values, (values) => values.text(TENSOR.name, name));
      for (const dim of dims) writer.int(SPARSE.dims, dim);
    }),
  }));

const dim: fc.Arbitrary<Dim> = fc.oneof(fc.nat(), fc.constantFrom('batch', 'time', '2*batch'));
const tensorType: fc.Arbitrary<TensorType> = fc.record({
  elementType: fc.oneof(numericType, fc.constant('string' as const)),
  shape: fc.option(fc.array(dim, { maxLength: 4 }), { nil: undefined }),
});
const sequence = encoded((info) => info.message(VALUE.type, (type) => type.message(TYPE.sequenceType, () => {})));
const valueInfo = (name: string): fc.Arbitrary<ValueInfo> =>
  fc.oneof(
    { weight: 4, arbitrary: withOptional<ValueInfo>(fc.record({ name: fc.constant(name), type: tensorType })) },
    fc.constantFrom<ValueInfo>(
      { name, type: { elementType: 'float32', shape: undefined }, opaque: 'a sequence', extra: sequence },
      { name, type: { elementType: 'float32', shape: undefined }, opaque: 'without a type' },
    ),
  );
const valueInfos = (names: readonly string[]) => fc.tuple(...names.map(valueInfo));

const int = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY));
const real = fc.float();

const attribute = (depth: number): fc.Arbitrary<Attribute> => {
  const plain: fc.Arbitrary<Attribute>[] = [
    fc.record({ type: fc.constant('int'), value: int }),
    fc.record({ type: fc.constant('ints'), value: fc.array(int) }),
    fc.record({ type: fc.constant('float'), value: real }),
    fc.record({ type: fc.constant('floats'), value: fc.array(real) }),
    fc.record({ type: fc.constant('string'), value: text }),
    fc.record({ type: fc.constant('strings'), value: fc.array(text) }),
    fc.record({ type: fc.constant('tensor'), value: tensor }),
    fc.record({ type: fc.constant('tensors'), value: fc.array(tensor, { maxLength: 3 }) }),
    fc.record({ type: fc.constant('reference'), value: fc.string({ minLength: 1 }) }),
  ];
  if (depth > 0) {
    plain.push(fc.record({ type: fc.constant('graph'), value: graph(depth - 1) }));
    plain.push(fc.record({ type: fc.constant('graphs'), value: fc.array(graph(depth - 1), { maxLength: 2 }) }));
  }
  const other = unknownFields.map((fields): Attribute => {
    const type = encoded((writer) => writer.int(ATTRIBUTE.type, SPARSE_TENSOR));
    return { type: 'opaque', value: Uint8Array.from([...type, ...fields]) };
  });
  return fc.oneof({ weight: 8, arbitrary: withOptional(fc.oneof(...plain)) }, other);
};
const SPARSE_TENSOR = 11;

const attributes = (depth: number) => fc.dictionary(text, attribute(depth), { maxKeys: 3, noNullPrototype: true });

const node = (depth: number): fc.Arbitrary<Node> =>
  withOptional(
    fc.record({
      op: fc.constantFrom('LSTM', 'Scan', 'Größe'),
      domain: fc.constantFrom('', 'com.example'),
      name: text,
      inputs: fc.array(text, { maxLength: 3 }),
      outputs: fc.array(text, { maxLength: 3 }),
      attributes: attributes(depth),
    }),
    { overload: fc.string({ minLength: 1 }) },
  );

function graph(depth: number): fc.Arbitrary<Graph> {
  return fc
    .record({ inputs: names, outputs: names, parameters: names, between: names, opaque: names, name: text })
    .chain(({ inputs, outputs, parameters, between, opaque, name }) =>
      withOptional<Graph>(
        fc.record({
          name: fc.constant(name),
          inputs: valueInfos(inputs.map((n) => `in ${n}`)),
          outputs: valueInfos(outputs),
          initializers: mapOf(parameters, () => tensor),
          nodes: fc.array(node(depth), { maxLength: 3 }),
        }),
        {
          ...(between.length > 0 && { valueInfo: mapOf(between, () => tensorType) }),
          ...(opaque.length > 0 && {
            opaqueInitializers: mapOf(
              // Sparse tensors stand after the others.
              opaque.map((n, i) => (i < opaque.length - 1 ? `4 bits ${n}` : `sparse ${n}`)),
              (n) => (n.startsWith('sparse') ? sparseTensor(n) : opaqueTensor),
            ),
          }),
          ...(parameters.length > 0 && { listedInitializers: listed(parameters, inputs.length) }),
        },
      ),
    )
    .chain((graph) => {
      const named = [...(graph.valueInfo?.keys() ?? [])].slice(0, 1);
      if (named.length === 0) return fc.constant(graph);
      return mapOf(named, () => unknownFields).map((valueExtras) => ({ ...graph, valueExtras }));
    });
}

function mapOf<T>(
  keys: readonly string[],
  value: (key: string) => fc.Arbitrary<T>,
): fc.Arbitrary<ReadonlyMap<string, T>> {
  return fc.tuple(...keys.map(value)).map((values) => new Map(values.map((v, i) => [keys[i]!, v])));
}

/** Some of the parameters, listed before or after all inputs. */
function listed(parameters: readonly string[], inputs: number): fc.Arbitrary<readonly ListedInitializer[]> {
  return fc.tuple(fc.subarray([...parameters], { minLength: 1 }), fc.boolean()).map(([names, first]) =>
    names.map((name, i) => ({
      at: first ? i : inputs + i,
      info: { name, type: { elementType: 'float32', shape: undefined } },
    })),
  );
}

const opsets = fc
  .dictionary(fc.constantFrom('com.example', 'ai.onnx.ml'), fc.nat(), { noNullPrototype: true })
  .map((others) => ({ '': 17, ...others }));

const modelFunction: fc.Arbitrary<ModelFunction> = withOptional(
  fc.record({
    domain: fc.constantFrom('', 'com.example'),
    name: fc.string({ minLength: 1 }),
    inputs: names,
    outputs: names,
    attributes: names,
    defaults: attributes(1),
    nodes: fc.array(node(1), { maxLength: 3 }),
    opsets,
  }),
  { overload: fc.string({ minLength: 1 }) },
);

/** Any model that the plain data can hold. */
export const anyModel: fc.Arbitrary<Model> = withOptional(
  fc.record({
    graph: graph(2),
    opsets,
    irVersion: fc.integer({ min: 4, max: 14 }),
    producer: text,
    metadata: fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true }),
  }),
  { functions: fc.array(modelFunction, { minLength: 1, maxLength: 2 }) },
);
