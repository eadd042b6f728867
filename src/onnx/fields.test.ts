import type { DescMessage } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import * as fields from './fields.ts';
import * as onnx from './onnx_pb.ts';

/*
 * The numbers that stand in our own tables are those of ONNX's public schema.
 */

const messages: readonly [numbers: Readonly<Record<string, number>>, schema: DescMessage][] = [
  [fields.MODEL, onnx.ModelProtoSchema],
  [fields.GRAPH, onnx.GraphProtoSchema],
  [fields.NODE, onnx.NodeProtoSchema],
  [fields.FUNCTION, onnx.FunctionProtoSchema],
  [fields.ATTRIBUTE, onnx.AttributeProtoSchema],
  [fields.TENSOR, onnx.TensorProtoSchema],
  [fields.SPARSE, onnx.SparseTensorProtoSchema],
  [fields.VALUE, onnx.ValueInfoProtoSchema],
  [fields.TYPE, onnx.TypeProtoSchema],
  [fields.TENSOR_TYPE, onnx.TypeProto_TensorSchema],
  [fields.SHAPE, onnx.TensorShapeProtoSchema],
  [fields.DIMENSION, onnx.TensorShapeProto_DimensionSchema],
  [fields.OPERATOR_SET, onnx.OperatorSetIdProtoSchema],
  [fields.ENTRY, onnx.StringStringEntryProtoSchema],
];

it.each(messages.map(([numbers, schema]) => ({ numbers, schema, name: schema.name })))(
  '$name',
  ({ numbers, schema }) => {
    expect(numbers).toEqual(Object.fromEntries(schema.fields.map((field) => [field.localName, field.number])));
  },
);

it.each([
  [fields.KIND, onnx.AttributeProto_AttributeTypeSchema],
  [fields.DATA_LOCATION, onnx.TensorProto_DataLocationSchema],
  [fields.DATA_TYPE, onnx.TensorProto_DataTypeSchema],
])('kinds %#', (numbers, { values }) => {
  expect(numbers).toEqual(Object.fromEntries(values.map(({ localName, number }) => [localName, number])));
});
