import { create, toBinary } from '@bufbuild/protobuf';
import { expect } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import { ModelProtoSchema } from '../../src/onnx/onnx_pb.ts';
import { readModel } from '../../src/onnx/read.ts';

/*
 * For tests: bytes of small ONNX files, written by the protobuf library.
 */

type Init = Exclude<Parameters<typeof create<typeof ModelProtoSchema>>[1], undefined>;
type GraphInit = NonNullable<Extract<Init, { $typeName?: never }>['graph']>;
/** A graph as a message that is made. */
export type PlainGraph = Extract<GraphInit, { $typeName?: never }>;
type NodeInit = NonNullable<PlainGraph['node']>[number];
type AttributeInit = NonNullable<Extract<NodeInit, { $typeName?: never }>['attribute']>[number];
type TensorInit = NonNullable<PlainGraph['initializer']>[number];

/** The bytes of a model with this graph; `more` adds to the model. */
export function file(graph: PlainGraph, more: Extract<Init, { $typeName?: never }> = {}): Uint8Array {
  const opsetImport = [{ domain: '', version: 17n }];
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, opsetImport, graph, ...more }));
}

/** A file with one initializer. */
export const withTensor = (tensor: TensorInit) => file({ name: 'g', initializer: [tensor] });
/** A file with one attribute of one node. */
export const withAttribute = (attribute: AttributeInit) =>
  file({ name: 'g', node: [{ opType: 'Op', name: 'n', attribute: [attribute] }] });
/** The type of tensors of an element type, and of a shape where one is given. */
export const tensorType = (elemType: number, dim?: { value: { case: 'dimValue'; value: bigint } }[]) => ({
  value: { case: 'tensorType' as const, value: { elemType, ...(dim && { shape: { dim } }) } },
});

/** What the reader says of bytes that it must refuse. */
export function refusal(bytes: Uint8Array): string {
  try {
    readModel(bytes, 'm.onnx');
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
  throw new Error('expected a refusal');
}
