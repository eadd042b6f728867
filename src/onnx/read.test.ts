import { readFileSync } from 'node:fs';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { file, refusal, tensorType, withAttribute, withTensor } from '../../test/support/onnxFiles.ts';
import { UsageError } from '../base/errors.ts';
import { AttributeProto_AttributeType as Kind, ModelProtoSchema, TensorProto_DataType as Type } from './onnx_pb.ts';
import { readModel } from './read.ts';
import { writeModel } from './write.ts';

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
