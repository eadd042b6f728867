import { isFloat } from '../graph/elementTypes.ts';
import { laidOut, SparseTensor, sparseOf } from '../graph/sparseTensor.ts';
import type { Model, Tensor } from '../graph/types.ts';

/** Bytes that the place of a value takes in a file, at most, in tables of up to 268 million places. */
const PLACE_BYTES = 4;

/** The same model with ordinary tensors alone: what does not read ONNX's sparse ones reads it. */
export function denseModel(model: Model): Model {
  return withTensors(model, laidOut);
}

/** The same model with tensors of real numbers stored sparse wherever that takes less. */
export function sparseModel(model: Model): Model {
  return withTensors(model, (tensor) => {
    const { data, elementType } = tensor;
    if (tensor instanceof SparseTensor || Array.isArray(data) || !isFloat(elementType)) return tensor;
    const sparse = sparseOf(tensor);
    return sparse.count * (data.BYTES_PER_ELEMENT + PLACE_BYTES) < data.byteLength ? sparse : tensor;
  });
}

function withTensors(model: Model, change: (tensor: Tensor) => Tensor): Model {
  const initializers = [...model.graph.initializers].map(([name, t]): [string, Tensor] => [name, change(t)]);
  return { ...model, graph: { ...model.graph, initializers: new Map(initializers) } };
}

/**
 * The weights of a model as arrays by name; of a sparse one `name.values`, and `name.indices` with their flat places, so
 * that none is laid out. Its size is `name.shape`.
 */
export function weightArrays({ graph }: Model): Map<string, Tensor> {
  return new Map(
    [...graph.initializers].flatMap(([name, tensor]): [string, Tensor][] => {
      if (!(tensor instanceof SparseTensor)) return Array.isArray(tensor.data) ? [] : [[name, tensor]];
      const { elementType, values, indices, dims, count } = tensor;
      return [
        [`${name}.values`, { elementType, dims: [count], data: values }],
        [`${name}.indices`, { elementType: 'uint32', dims: [count], data: indices }],
        [`${name}.shape`, { elementType: 'int64', dims: [dims.length], data: BigInt64Array.from(dims, BigInt) }],
      ];
    }),
  );
}
