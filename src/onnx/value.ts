import { create } from '@bufbuild/protobuf';
import type { Dim, ValueInfo } from '../graph/types.ts';
import {
  type TensorShapeProto,
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx_pb.ts';
import { type Reading, unsupported } from './reading.ts';
import { readCount, writeCount } from './scalars.ts';
import { dataType, readElementType } from './tensor.ts';

/**
 * Marks the name of a dimension that the file leaves open. Such a name is made on reading, one for each open
 * dimension, and not written: two open dimensions need not be equal.
 */
const OPEN = '?';

/** A graph's input or output; throws a UsageError when it has no type, or one that is no tensor type. */
export function readValueInfo(proto: ValueInfoProto, what: string, reading: Reading): ValueInfo {
  const type = proto.type?.value;
  if (type?.case === undefined || (type.case === 'tensorType' && type.value.elemType === 0)) {
    const fix = 'add types first, for example in Python with onnx.shape_inference.infer_shapes(model)';
    throw unsupported(reading, `${what} has no type`, fix);
  }
  if (type.case !== 'tensorType') {
    throw unsupported(reading, `${what} is of type ${KINDS[type.case]}`, 'use tensors only');
  }
  const { elemType, shape } = type.value;
  const elementType = readElementType(elemType, what, reading);
  return {
    name: proto.name,
    type: { elementType, shape: shape && readShape(shape, proto.name, what, reading) },
  };
}

const KINDS = {
  sequenceType: 'sequence',
  mapType: 'map',
  optionalType: 'optional',
  sparseTensorType: 'sparse tensor',
  opaqueType: 'opaque',
} as const;

function readShape(shape: TensorShapeProto, name: string, what: string, reading: Reading): Dim[] {
  return shape.dim.map(({ value }, axis) => {
    if (value.case === 'dimParam' && value.value !== '' && !value.value.includes(OPEN)) return value.value;
    // Some exporters write -1 for an open dimension.
    if (value.case === 'dimValue' && value.value !== -1n) {
      return readCount(value.value, `dimension ${axis} of ${what}`, reading);
    }
    return openDim(name, axis, reading.openDims);
  });
}

/** A name for an open dimension that no other has: `?input_0`. */
function openDim(name: string, axis: number, taken: Set<string>): string {
  // Products and sums of dimensions are spelled with these signs.
  const stem = `${OPEN}${name.replace(/[*+()]/g, '_')}_${axis}`;
  let dim = stem;
  for (let i = 2; taken.has(dim); i++) dim = `${stem}_${i}`;
  taken.add(dim);
  return dim;
}

/** A graph's input or output as it stands in the file; throws a SlimError for sizes that are no counts. */
export function writeValueInfo(info: ValueInfo, what: string): ValueInfoProto {
  const { elementType, shape } = info.type;
  const tensorType = create(TypeProto_TensorSchema, { elemType: dataType(elementType) });
  if (shape !== undefined) {
    tensorType.shape = create(TensorShapeProtoSchema, { dim: shape.map((dim) => writeDim(dim, what)) });
  }
  const type = create(TypeProtoSchema, { value: { case: 'tensorType', value: tensorType } });
  return create(ValueInfoProtoSchema, { name: info.name, type });
}

function writeDim(dim: Dim, what: string): TensorShapeProto_Dimension {
  const proto = create(TensorShapeProto_DimensionSchema);
  if (typeof dim === 'number') {
    proto.value = { case: 'dimValue', value: writeCount(dim, `a dimension of ${what}`) };
  } else if (!dim.includes(OPEN)) {
    proto.value = { case: 'dimParam', value: dim };
  }
  return proto;
}
