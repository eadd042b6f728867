import { describe, expect, it } from 'vitest';
import { file, type PlainGraph, refusal, tensorType, withAttribute, withTensor } from '../../test/support/onnxFiles.ts';
import { meaning } from '../../test/support/protos.ts';
import {
  AttributeProto_AttributeType as Kind,
  TensorProto_DataLocation,
  TensorProto_DataType as Type,
} from './onnx_pb.ts';
import { readModel } from './read.ts';
import { writeModel } from './write.ts';

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
    ['sparse 4-bit integers', file({ sparseInitializer: [{ ...sparse, values: { ...int4, dims: [1n] } }] })],
    ['documented sparse weights', file({ sparseInitializer: [{ ...sparse, values: { ...float, docString: 'd' } }] })],
    [
      'documented indices',
      file({ sparseInitializer: [{ ...sparse, indices: { ...sparse.indices, docString: 'places' } }] }),
    ],
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
        sparseInitializer: [{ ...sparse, values: { ...int4, name: 's' }, indices: { ...sparse.indices, dims: [3n] } }],
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
