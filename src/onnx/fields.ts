import type { DescField } from '@bufbuild/protobuf';
import type * as onnx from './onnx_pb.ts';

/*
 * Numbers of ONNX's fields and kinds. They stand here in full, as the public schema has them: its description would have
 * to be taken apart whenever the library is loaded. A name that the schema lacks does not compile; a test compares numbers.
 */

type NumbersOf<Schema extends { readonly field: Readonly<Record<string, DescField>> }> = Readonly<
  Record<keyof Schema['field'], number>
>;

export const MODEL = {
  irVersion: 1,
  opsetImport: 8,
  producerName: 2,
  producerVersion: 3,
  domain: 4,
  modelVersion: 5,
  docString: 6,
  graph: 7,
  metadataProps: 14,
  trainingInfo: 20,
  functions: 25,
  configuration: 26,
} as const satisfies NumbersOf<typeof onnx.ModelProtoSchema>;
export const GRAPH = {
  node: 1,
  name: 2,
  initializer: 5,
  sparseInitializer: 15,
  docString: 10,
  input: 11,
  output: 12,
  valueInfo: 13,
  quantizationAnnotation: 14,
  metadataProps: 16,
} as const satisfies NumbersOf<typeof onnx.GraphProtoSchema>;
export const NODE = {
  input: 1,
  output: 2,
  name: 3,
  opType: 4,
  domain: 7,
  overload: 8,
  attribute: 5,
  docString: 6,
  metadataProps: 9,
  deviceConfigurations: 10,
} as const satisfies NumbersOf<typeof onnx.NodeProtoSchema>;
export const FUNCTION = {
  name: 1,
  input: 4,
  output: 5,
  attribute: 6,
  attributeProto: 11,
  node: 7,
  docString: 8,
  opsetImport: 9,
  domain: 10,
  overload: 13,
  valueInfo: 12,
  metadataProps: 14,
} as const satisfies NumbersOf<typeof onnx.FunctionProtoSchema>;
export const ATTRIBUTE = {
  name: 1,
  refAttrName: 21,
  docString: 13,
  type: 20,
  f: 2,
  i: 3,
  s: 4,
  t: 5,
  g: 6,
  sparseTensor: 22,
  tp: 14,
  floats: 7,
  ints: 8,
  strings: 9,
  tensors: 10,
  graphs: 11,
  sparseTensors: 23,
  typeProtos: 15,
} as const satisfies NumbersOf<typeof onnx.AttributeProtoSchema>;
export const TENSOR = {
  dims: 1,
  dataType: 2,
  segment: 3,
  floatData: 4,
  int32Data: 5,
  stringData: 6,
  int64Data: 7,
  name: 8,
  docString: 12,
  rawData: 9,
  externalData: 13,
  dataLocation: 14,
  doubleData: 10,
  uint64Data: 11,
  metadataProps: 16,
} as const satisfies NumbersOf<typeof onnx.TensorProtoSchema>;
export const SPARSE = { values: 1, indices: 2, dims: 3 } as const satisfies NumbersOf<
  typeof onnx.SparseTensorProtoSchema
>;
export const VALUE = { name: 1, type: 2, docString: 3, metadataProps: 4 } as const satisfies NumbersOf<
  typeof onnx.ValueInfoProtoSchema
>;
export const TYPE = {
  tensorType: 1,
  sequenceType: 4,
  mapType: 5,
  optionalType: 9,
  sparseTensorType: 8,
  opaqueType: 7,
  denotation: 6,
} as const satisfies NumbersOf<typeof onnx.TypeProtoSchema>;
export const TENSOR_TYPE = { elemType: 1, shape: 2 } as const satisfies NumbersOf<typeof onnx.TypeProto_TensorSchema>;
export const SHAPE = { dim: 1 } as const satisfies NumbersOf<typeof onnx.TensorShapeProtoSchema>;
export const DIMENSION = { dimValue: 1, dimParam: 2, denotation: 3 } as const satisfies NumbersOf<
  typeof onnx.TensorShapeProto_DimensionSchema
>;
export const OPERATOR_SET = { domain: 1, version: 2 } as const satisfies NumbersOf<
  typeof onnx.OperatorSetIdProtoSchema
>;
export const ENTRY = { key: 1, value: 2 } as const satisfies NumbersOf<typeof onnx.StringStringEntryProtoSchema>;

/** What an attribute holds. */
export const KIND = {
  UNDEFINED: 0,
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  SPARSE_TENSOR: 11,
  TYPE_PROTO: 13,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
  SPARSE_TENSORS: 12,
  TYPE_PROTOS: 14,
} as const satisfies Record<keyof typeof onnx.AttributeProto_AttributeType, number>;

/** Where a tensor's data lie. */
export const DATA_LOCATION = { DEFAULT: 0, EXTERNAL: 1 } as const satisfies Record<
  keyof typeof onnx.TensorProto_DataLocation,
  number
>;

/** Types of elements, those that no tensor of ours has among them. */
export const DATA_TYPE = {
  UNDEFINED: 0,
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  COMPLEX64: 14,
  COMPLEX128: 15,
  BFLOAT16: 16,
  FLOAT8E4M3FN: 17,
  FLOAT8E4M3FNUZ: 18,
  FLOAT8E5M2: 19,
  FLOAT8E5M2FNUZ: 20,
  UINT4: 21,
  INT4: 22,
  FLOAT4E2M1: 23,
  FLOAT8E8M0: 24,
  UINT2: 25,
  INT2: 26,
  FLOAT6E2M3: 27,
  FLOAT6E3M2: 28,
} as const satisfies Record<keyof typeof onnx.TensorProto_DataType, number>;
