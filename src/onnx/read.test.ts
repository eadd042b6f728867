import { readFileSync } from 'node:fs';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { meaning } from '../../test/support/protos.ts';
import { UsageError } from '../base/errors.ts';
import {
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType as Type,
} from './onnx_pb.ts';
import { readModel } from './read.ts';
import { writeModel } from './write.ts';

type Init = Exclude<Parameters<typeof create<typeof ModelProtoSchema>>[1], undefined>;
type GraphInit = NonNullable<Extract<Init, { $typeName?: never }>['graph']>;
type PlainGraph = Extract<GraphInit, { $typeName?: never }>;
type NodeInit = NonNullable<PlainGraph['node']>[number];
type AttributeInit = NonNullable<Extract<NodeInit, { $typeName?: never }>['attribute']>[number];
type TensorInit = NonNullable<PlainGraph['initializer']>[number];

/** The bytes of a model with this graph; `more` adds to the model. */
function file(graph: PlainGraph, more: Extract<Init, { $typeName?: never }> = {}): Uint8Array {
  const opsetImport = [{ domain: '', version: 17n }];
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, opsetImport, graph, ...more }));
}

const withTensor = (tensor: TensorInit) => file({ name: 'g', initializer: [tensor] });
const withAttribute = (attribute: AttributeInit) =>
  file({ name: 'g', node: [{ opType: 'Op', name: 'n', attribute: [attribute] }] });
const tensorType = (elemType: number, dim?: { value: { case: 'dimValue'; value: bigint } }[]) => ({
  value: { case: 'tensorType' as const, value: { elemType, ...(dim && { shape: { dim } }) } },
});

function refusal(bytes: Uint8Array): string {
  try {
    readModel(bytes, 'm.onnx');
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
  throw new Error('expected a refusal');
}

describe('a file made by the Python package onnx', () => {
  const bytes = readFileSync(new URL('../../test/fixtures/onnx/tiny.onnx', import.meta.url));
  const model = readModel(bytes, 'tiny.onnx');

  it('has the header it was given', () => {
    expect(model).toMatchObject({ irVersion: 8, opsets: { '': 17 }, producer: 'make_tiny_onnx' });
    expect(model.metadata).toEqual({ made_by: 'scripts/fixtures/make_tiny_onnx.py' });
  });

  it('has its borders, without the initializer that is listed as an input', () => {
    expect(model.graph.inputs).toEqual([
      { name: 'x', type: { elementType: 'float32', shape: ['batch', '?x_1', 2] } },
      { name: 'flag', type: { elementType: 'bool', shape: [] } },
    ]);
    expect(model.graph.outputs).toEqual([
      { name: 'y', type: { elementType: 'float32', shape: ['batch', '?y_1', 3] } },
      { name: 'far', type: { elementType: 'int64', shape: [3] } },
    ]);
  });

  it('has its tensors, from raw_data and from lists', () => {
    expect([...model.graph.initializers]).toEqual([
      ['w', { elementType: 'float32', dims: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) }],
      ['b', { elementType: 'float32', dims: [3], data: Float32Array.of(0.5, -1, 1.5) }],
      ['half', { elementType: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0xc000) }],
      ['words', { elementType: 'string', dims: [2], data: ['gate', 'größe'] }],
    ]);
  });

  it('has its nodes, attributes and subgraphs', () => {
    const [project, choose, far, elu] = model.graph.nodes;
    expect(project).toEqual({
      op: 'MatMul',
      domain: '',
      name: 'project',
      inputs: ['x', 'w'],
      outputs: ['xw'],
      attributes: {},
    });
    expect(far?.attributes).toEqual({
      value_ints: { type: 'ints', value: [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] },
    });
    expect(elu?.attributes).toEqual({ alpha: { type: 'float', value: 0.5 } });
    const minus = choose?.attributes.else_branch;
    expect(minus).toMatchObject({
      type: 'graph',
      value: {
        name: 'minus',
        inputs: [],
        outputs: [{ name: 'minus_y', type: { elementType: 'float32', shape: undefined } }],
        nodes: [{ op: 'Mul' }, { op: 'Sub', inputs: ['xw', 'minus_b'] }],
      },
    });
  });

  it('is read to the same model again after writing', () => {
    expect(readModel(writeModel(model))).toEqual(model);
  });

  it('is refused or sound wherever it is cut off', () => {
    let read = 0;
    for (let end = 0; end < bytes.byteLength; end++) {
      try {
        expect(readModel(bytes.subarray(0, end)).graph.initializers.size).toBe(4);
        read++;
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
    }
    // Only the metadata may be missing: this writer puts them last.
    expect(read).toBeLessThan(3);
  });
});

describe('the typed lists of a tensor', () => {
  it.each([
    [Type.FLOAT, { floatData: [1.5, Number.NaN] }, Float32Array.of(1.5, Number.NaN)],
    [Type.DOUBLE, { doubleData: [0.1, -0] }, Float64Array.of(0.1, -0)],
    [Type.BFLOAT16, { int32Data: [0xffff, 0] }, Uint16Array.of(0xffff, 0)],
    [Type.INT8, { int32Data: [-128, 127] }, Int8Array.of(-128, 127)],
    [Type.UINT8, { int32Data: [0, 255] }, Uint8Array.of(0, 255)],
    [Type.INT16, { int32Data: [-32768, 1] }, Int16Array.of(-32768, 1)],
    [Type.UINT16, { int32Data: [65535, 1] }, Uint16Array.of(65535, 1)],
    [Type.INT32, { int32Data: [-(2 ** 31), 1] }, Int32Array.of(-(2 ** 31), 1)],
    [Type.UINT32, { uint64Data: [2n ** 32n - 1n, 1n] }, Uint32Array.of(2 ** 32 - 1, 1)],
    [Type.INT64, { int64Data: [-(2n ** 63n), 1n] }, BigInt64Array.of(-(2n ** 63n), 1n)],
    [Type.UINT64, { uint64Data: [2n ** 64n - 1n, 1n] }, BigUint64Array.of(2n ** 64n - 1n, 1n)],
    [Type.BOOL, { int32Data: [1, 0] }, Uint8Array.of(1, 0)],
  ])('of type %i are read', (dataType, list, data) => {
    const bytes = withTensor({ name: 'w', dims: [2n], dataType, ...list });
    expect(readModel(bytes).graph.initializers.get('w')?.data).toStrictEqual(data);
  });

  it('are refused when a value is out of the range of its type', () => {
    const bytes = withTensor({ name: 'w', dims: [2n], dataType: Type.INT8, int32Data: [1, 128] });
    expect(refusal(bytes)).toContain("initializer 'w' of graph 'g' has value 128, out of the range of its type");
  });
});

describe('raw data', () => {
  it('is a view of the file where it is aligned', () => {
    const tensor = { name: 'w', dims: [2n], dataType: Type.INT64, rawData: new Uint8Array(16).fill(7) };
    const bytes = withTensor(tensor);
    const views = [0, 1, 2, 3, 4, 5, 6, 7].map((offset) => {
      const moved = new Uint8Array(bytes.byteLength + 8).subarray(offset, offset + bytes.byteLength);
      moved.set(bytes);
      const data = readModel(moved).graph.initializers.get('w')?.data as BigInt64Array;
      expect(data).toStrictEqual(new BigInt64Array(tensor.rawData.buffer));
      return data.buffer === moved.buffer;
    });
    expect(views.filter((view) => view)).toHaveLength(1);
  });
});

describe('open dimensions', () => {
  it('get names that no other has, also for -1 and "?"', () => {
    const dim = [
      { value: { case: 'dimParam' as const, value: '?' } },
      { value: { case: 'dimValue' as const, value: -1n } },
      {},
      { value: { case: 'dimParam' as const, value: 'T' } },
    ];
    const type = { value: { case: 'tensorType' as const, value: { elemType: Type.FLOAT, shape: { dim } } } };
    const { graph } = readModel(file({ input: [{ name: 'a*b', type }], output: [{ name: 'a*b', type }] }));
    expect(graph.inputs[0]?.type.shape).toEqual(['?a_b_0', '?a_b_1', '?a_b_2', 'T']);
    expect(graph.outputs[0]?.type.shape).toEqual(['?a_b_0_2', '?a_b_1_2', '?a_b_2_2', 'T']);
  });

  it('are written as no dimension at all', () => {
    const model = readModel(file({ input: [{ name: 'x', type: tensorType(Type.FLOAT) }] }));
    const shape = ['?x_0', 'T', '2*?x_0'];
    const input = { name: 'x', type: { elementType: 'float32' as const, shape } };
    const bytes = writeModel({ ...model, graph: { ...model.graph, inputs: [input] } });
    expect(Buffer.from(bytes).toString('latin1')).not.toContain('?');
    expect(readModel(bytes).graph.inputs[0]?.type.shape).toEqual(['?x_0', 'T', '?x_2']);
  });
});

describe('old and other spellings', () => {
  it('takes ai.onnx for the domain of the operators of ONNX', () => {
    const node = [{ opType: 'Add', domain: 'ai.onnx' }];
    const model = readModel(file({ node }, { opsetImport: [{ domain: 'ai.onnx', version: 9n }] }));
    expect(model.opsets).toEqual({ '': 9 });
    expect(model.graph.nodes[0]?.domain).toBe('');
  });

  it('takes operator set 1 for files older than operator sets', () => {
    expect(readModel(file({}, { irVersion: 2n, opsetImport: [] })).opsets).toEqual({ '': 1 });
  });

  it('keeps names that are special in JavaScript', () => {
    const attribute = { name: '__proto__', type: Kind.INT, i: 1n };
    const model = readModel(withAttribute(attribute));
    expect(Object.entries(model.graph.nodes[0]?.attributes ?? {})).toEqual([['__proto__', { type: 'int', value: 1 }]]);
  });
});

describe('what is no ONNX model', () => {
  const raw = (length: number) => ({ name: 'w', dims: [2n], dataType: Type.FLOAT, rawData: new Uint8Array(length) });
  it.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(), 'the file is empty'],
    ['text', new TextEncoder().encode('{"model": "not protobuf"}'), 'it does not parse'],
    ['no graph', toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n })), 'it has no graph'],
    ['no version', file({}, { irVersion: 0n }), 'it has no ir_version'],
    ['no operator sets', file({}, { opsetImport: [] }), 'it has no opset_import'],
    ['too few bytes', withTensor(raw(4)), "'w' of graph 'g' has 1 values, expected 2 for float32 [2]"],
    ['too many bytes', withTensor(raw(12)), "'w' of graph 'g' has 3 values, expected 2 for float32 [2]"],
    ['half a value', withTensor(raw(7)), 'has 7 bytes of raw_data, expected a multiple of 4'],
    ['no values', withTensor(raw(0)), 'has 0 values, expected 2'],
    ['values twice', withTensor({ ...raw(8), floatData: [1, 2] }), 'has its values twice'],
    ['a negative size', withTensor({ ...raw(8), dims: [-2n] }), 'a dimension of initializer'],
    ['an absurd size', withTensor({ ...raw(8), dims: [2n ** 62n, 2n ** 62n] }), 'a dimension of initializer'],
    ['two initializers of one name', file({ initializer: [raw(8), raw(8)] }), "the initializer 'w' occurs twice"],
    ['an initializer without a name', withTensor({ ...raw(8), name: '' }), 'has no name'],
    ['an attribute without a type', withAttribute({ name: 'a' }), "attribute 'a' of node 0 'n' (Op) has no type"],
    ['an attribute without its tensor', withAttribute({ name: 'a', type: Kind.TENSOR }), 'has no tensor'],
    ['an attribute without its graph', withAttribute({ name: 'a', type: Kind.GRAPH }), 'has no graph'],
    ['a node without an operator', file({ node: [{ name: 'n' }] }), "node 0 'n' () has no op_type"],
    [
      'two attributes of one name',
      file({ node: [{ opType: 'Op', attribute: ['a', 'a'].map((name) => ({ name, type: Kind.INT })) }] }),
      "the attribute 'a' occurs twice",
    ],
    [
      'two versions of an operator set',
      file({}, { opsetImport: ['', 'ai.onnx'].map((domain, i) => ({ domain, version: BigInt(i) })) }),
      "operator set '' occurs twice",
    ],
    ['a metadata key twice', file({}, { metadataProps: [{ key: 'k' }, { key: 'k' }] }), "key 'k' occurs twice"],
  ])('%s is refused', (_, bytes, message) => {
    const refused = refusal(bytes);
    expect(refused).toContain(message);
    expect(refused).toMatch(/^cannot read m\.onnx: .*; it is not an ONNX model or is truncated \(\d+ bytes\)$/s);
    expect(refused).toContain(`(${bytes.byteLength} bytes)`);
  });
});

describe('what the plain model cannot hold', () => {
  const typed = (type: NonNullable<PlainGraph['input']>[number]['type']) =>
    file({ name: 'g', input: [type === undefined ? { name: 'x' } : { name: 'x', type }] });
  const float = { name: 'w', dims: [1n], dataType: Type.FLOAT, rawData: new Uint8Array(4) };
  const sparse = { values: float, indices: { dims: [1n], dataType: Type.INT64, int64Data: [3n] }, dims: [7n] };
  const int4 = { name: 'w', dims: [3n], dataType: Type.INT4, rawData: Uint8Array.of(0x12, 3) };
  const type = tensorType(Type.FLOAT);
  const entry = [{ key: 'k', value: 'v' }];
  const denoted = (dim: object) => ({
    denotation: 'IMAGE',
    value: { case: 'tensorType' as const, value: { elemType: Type.FLOAT, shape: { dim: [dim] } } },
  });
  const inner = { name: 'inner', output: [{ name: 'w', type }], initializer: [float] };
  it.each<[string, Uint8Array]>([
    ['a tensor in segments', withTensor({ ...float, segment: { begin: 0n, end: 1n } })],
    ['complex numbers', withTensor({ name: 'w', dims: [1n], dataType: Type.COMPLEX64, floatData: [1, 2] })],
    ['4-bit integers', withTensor(int4)],
    ['8-bit floats', withTensor({ name: 'w', dims: [2n], dataType: Type.FLOAT8E4M3FN, int32Data: [1, 2] })],
    ['unknown element types', withTensor({ ...float, dataType: 99 })],
    ['strings that are not UTF-8', withTensor({ ...float, dataType: Type.STRING, stringData: [Uint8Array.of(0xff)] })],
    ['documented tensors', withTensor({ ...float, docString: 'weights', metadataProps: entry })],
    ['sparse weights', file({ sparseInitializer: [sparse] })],
    ['quantization', file({ quantizationAnnotation: [{ tensorName: 'x', quantParameterTensorNames: entry }] })],
    ['documented graphs', file({ docString: 'a graph', metadataProps: entry })],
    [
      'functions',
      file({}, { functions: [{ name: 'f', domain: 'd', docString: 'a function', valueInfo: [{ type }] }] }),
    ],
    ['training', file({}, { trainingInfo: [{ algorithm: inner, updateBinding: entry }] })],
    ['devices', file({}, { configuration: [{ name: 'c', numDevices: 2, device: ['a', 'b'] }] })],
    ['devices of a node', file({ node: [{ opType: 'A', deviceConfigurations: [{ configurationId: 'c' }] }] })],
    ['overloads', file({ node: [{ opType: 'A', overload: 'o', docString: 'a node', metadataProps: entry }] })],
    ['a producer version', file({}, { producerVersion: '2', domain: 'd', modelVersion: -3n, docString: '' })],
    ['no type', typed(undefined)],
    ['no element type', typed(tensorType(0))],
    ['a tensor of 8-bit floats', typed(tensorType(Type.FLOAT8E5M2))],
    ['a sequence', typed({ value: { case: 'sequenceType', value: { elemType: type } } })],
    ['a map', typed({ value: { case: 'mapType', value: { keyType: Type.INT64, valueType: type } } })],
    ['an optional', typed({ value: { case: 'optionalType', value: { elemType: type } } })],
    ['a sparse type', typed({ value: { case: 'sparseTensorType', value: { elemType: Type.FLOAT } } })],
    ['an opaque type', typed({ value: { case: 'opaqueType', value: { domain: 'd', name: 'n' } } })],
    ['denotations', typed(denoted({ denotation: 'DATA_BATCH', value: { case: 'dimParam', value: 'n' } }))],
    ['other spellings of open dimensions', typed(denoted({ value: { case: 'dimValue', value: -1n } }))],
    ['a dimension called "?"', typed(denoted({ value: { case: 'dimParam', value: '?' } }))],
    ['documented inputs', file({ input: [{ name: 'x', type, docString: 'an input', metadataProps: entry }] })],
    [
      'types in between',
      file({ valueInfo: [{ name: 'a', type }, { name: 'b' }, { name: 'c', type, docString: 'd' }] }),
    ],
    ['a type in between twice', file({ valueInfo: ['a', 'b', 'a'].map((name) => ({ name, type, docString: name })) })],
    [
      'initializers among the inputs',
      file({ input: ['x', 'w', 'y'].map((name) => ({ name, type })), initializer: [float] }),
    ],
    ['a reference', withAttribute({ name: 'a', type: Kind.INT, refAttrName: 'r' })],
    ['a sparse attribute', withAttribute({ name: 'a', type: Kind.SPARSE_TENSOR, sparseTensor: sparse })],
    ['sparse attributes', withAttribute({ name: 'a', type: Kind.SPARSE_TENSORS, sparseTensors: [sparse, sparse] })],
    ['a type attribute', withAttribute({ name: 'a', type: Kind.TYPE_PROTO, tp: type })],
    ['type attributes', withAttribute({ name: 'a', type: Kind.TYPE_PROTOS, typeProtos: [type, type] })],
    ['tensors', withAttribute({ name: 'a', type: Kind.TENSORS, tensors: [float, { ...float, name: 'v' }] })],
    ['a 4-bit tensor attribute', withAttribute({ name: 'a', type: Kind.TENSOR, t: int4 })],
    ['tensors of which one is of 4 bits', withAttribute({ name: 'a', type: Kind.TENSORS, tensors: [float, int4] })],
    ['graphs', withAttribute({ name: 'a', type: Kind.GRAPHS, graphs: [inner, { ...inner, name: 'second' }] })],
    ['big integers', withAttribute({ name: 'a', type: Kind.INT, i: 2n ** 53n })],
    ['lists of big integers', withAttribute({ name: 'a', type: Kind.INTS, ints: [1n, -(2n ** 60n)] })],
    ['bytes', withAttribute({ name: 'a', type: Kind.STRING, s: Uint8Array.of(0xff) })],
    ['lists of bytes', withAttribute({ name: 'a', type: Kind.STRINGS, strings: [Uint8Array.of(0xff)] })],
    ['documented attributes', withAttribute({ name: 'a', type: Kind.INT, i: 3n, docString: 'an attribute' })],
    ['values of other kinds than the type', withAttribute({ name: 'a', type: Kind.INT, i: 3n, f: 2, floats: [1, 2] })],
    ['metadata beyond UTF-8', Buffer.concat([file({}), Uint8Array.of(0x72, 6, 0x0a, 1, 107, 0x12, 1, 0xff)])],
    ['names that are empty, but there', file({ node: [{ opType: 'A', name: '', domain: '' }] }, { producerName: '' })],
  ])('%s is carried', (_, bytes) => {
    const written = writeModel(readModel(bytes, 'm.onnx'));
    expect(meaning(written)).toEqual(meaning(bytes));
    expect(writeModel(readModel(written))).toEqual(written);
  });

  it('is said in words', () => {
    const { graph } = readModel(
      file({
        input: [{ name: 'x' }],
        initializer: [int4],
        sparseInitializer: [{ ...sparse, values: { ...float, name: 's' } }],
      }),
    );
    expect(graph.inputs[0]?.opaque).toBe('without a type');
    expect(Array.from(graph.opaqueInitializers ?? [], ([name, { kind, dims }]) => [name, kind, dims])).toEqual([
      ['w', 'of element type INT4', [3]],
      ['s', 'sparse', [7]],
    ]);
  });

  it('leaves a type behind that a pass has changed', () => {
    const model = readModel(typed(denoted({ value: { case: 'dimValue', value: 5n } })));
    const [x] = model.graph.inputs;
    const inputs = [{ ...x!, type: { elementType: 'float32' as const, shape: [3] } }];
    const written = writeModel({ ...model, graph: { ...model.graph, inputs } });
    expect(meaning(written)).toEqual(
      meaning(typed(tensorType(Type.FLOAT, [{ value: { case: 'dimValue', value: 3n } }]))),
    );
  });

  it('leaves the type of an initializer behind that was cut', () => {
    const sized = (n: bigint) => tensorType(Type.FLOAT, [{ value: { case: 'dimValue', value: n } }]);
    const raw = { name: 'w', dims: [3n], dataType: Type.FLOAT, rawData: new Uint8Array(12) };
    const model = readModel(file({ input: [{ name: 'w', type: sized(3n) }], initializer: [raw] }));
    const initializers = new Map([['w', { elementType: 'float32' as const, dims: [2], data: new Float32Array(2) }]]);
    const cut = readModel(writeModel({ ...model, graph: { ...model.graph, initializers } }));
    expect(cut.graph.listedInitializers?.[0]?.info.type.shape).toEqual([2]);
  });

  it('lists all initializers among the inputs where version 3 of the format wants that', () => {
    const model = readModel(withTensor(float));
    expect(readModel(writeModel({ ...model, irVersion: 4 })).graph.listedInitializers).toBeUndefined();
    const old = readModel(writeModel({ ...model, irVersion: 3 }));
    expect(old.graph.inputs).toEqual([]);
    expect(old.graph.listedInitializers).toEqual([
      { at: 0, info: { name: 'w', type: { elementType: 'float32', shape: [1] } } },
    ]);
  });

  it('is refused where there is no way', () => {
    const external = { name: 'w', dims: [1n], dataType: Type.FLOAT, dataLocation: TensorProto_DataLocation.EXTERNAL };
    const hidden = withAttribute({ name: 'body', type: Kind.GRAPH, g: { name: 'inner', initializer: [external] } });
    expect(refusal(hidden)).toContain(
      "initializer 'w' of graph 'inner' of attribute 'body' of node 0 'n' (Op) keeps its values in another file",
    );
    let deep: PlainGraph = { name: 'g' };
    for (let i = 0; i < 45; i++)
      deep = { node: [{ opType: 'If', attribute: [{ name: 'a', type: Kind.GRAPH, g: deep }] }] };
    expect(refusal(file(deep))).toMatch(/subgraphs more than 40 deep in each other \(byte \d+\)/);
  });
});
