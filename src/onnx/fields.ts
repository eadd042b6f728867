import type { DescField } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from './onnx_pb.ts';

/*
 * Field numbers of ONNX's messages, from the public schema: a name that the schema lacks does not compile.
 */

function numbersOf<Name extends string>(schema: {
  readonly field: Readonly<Record<Name, DescField>>;
}): Readonly<Record<Name, number>> {
  const fields = Object.entries<DescField>(schema.field);
  return Object.fromEntries(fields.map(([name, { number }]) => [name, number])) as Record<Name, number>;
}

/** `ModelProto` */
export const MODEL = numbersOf(ModelProtoSchema);
/** `GraphProto` */
export const GRAPH = numbersOf(GraphProtoSchema);
/** `NodeProto` */
export const NODE = numbersOf(NodeProtoSchema);
/** `FunctionProto` */
export const FUNCTION = numbersOf(FunctionProtoSchema);
/** `AttributeProto` */
export const ATTRIBUTE = numbersOf(AttributeProtoSchema);
/** `TensorProto` */
export const TENSOR = numbersOf(TensorProtoSchema);
/** `SparseTensorProto` */
export const SPARSE = numbersOf(SparseTensorProtoSchema);
/** `ValueInfoProto` */
export const VALUE = numbersOf(ValueInfoProtoSchema);
/** `TypeProto` */
export const TYPE = numbersOf(TypeProtoSchema);
/** `TypeProto.Tensor` */
export const TENSOR_TYPE = numbersOf(TypeProto_TensorSchema);
/** `TensorShapeProto` */
export const SHAPE = numbersOf(TensorShapeProtoSchema);
/** `TensorShapeProto.Dimension` */
export const DIMENSION = numbersOf(TensorShapeProto_DimensionSchema);
/** `OperatorSetIdProto` */
export const OPERATOR_SET = numbersOf(OperatorSetIdProtoSchema);
/** `StringStringEntryProto` */
export const ENTRY = numbersOf(StringStringEntryProtoSchema);
