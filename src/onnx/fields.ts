import type { DescField } from '@bufbuild/protobuf';
import * as onnx from './onnx_pb.ts';

/*
 * Field numbers of ONNX's messages, from the public schema: a name that the schema lacks does not compile.
 */

function numbersOf<Name extends string>(schema: {
  readonly field: Readonly<Record<Name, DescField>>;
}): Readonly<Record<Name, number>> {
  const fields = Object.entries<DescField>(schema.field);
  return Object.fromEntries(fields.map(([name, { number }]) => [name, number])) as Record<Name, number>;
}

export const MODEL = numbersOf(onnx.ModelProtoSchema);
export const GRAPH = numbersOf(onnx.GraphProtoSchema);
export const NODE = numbersOf(onnx.NodeProtoSchema);
export const FUNCTION = numbersOf(onnx.FunctionProtoSchema);
export const ATTRIBUTE = numbersOf(onnx.AttributeProtoSchema);
export const TENSOR = numbersOf(onnx.TensorProtoSchema);
export const SPARSE = numbersOf(onnx.SparseTensorProtoSchema);
export const VALUE = numbersOf(onnx.ValueInfoProtoSchema);
export const TYPE = numbersOf(onnx.TypeProtoSchema);
export const TENSOR_TYPE = numbersOf(onnx.TypeProto_TensorSchema);
export const SHAPE = numbersOf(onnx.TensorShapeProtoSchema);
export const DIMENSION = numbersOf(onnx.TensorShapeProto_DimensionSchema);
export const OPERATOR_SET = numbersOf(onnx.OperatorSetIdProtoSchema);
export const ENTRY = numbersOf(onnx.StringStringEntryProtoSchema);
