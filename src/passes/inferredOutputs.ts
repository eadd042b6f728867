import { inferTypes } from '../graph/infer/infer.ts';
import type { Dim, Graph, TensorType, ValueInfo } from '../graph/types.ts';

/**
 * The outputs of a graph with the types that follow from it. A declared name of a free dimension stays, so does a
 * declared size of which nothing is known; what contradicts the graph goes. Throws a ShapeError when an operator does
 * not fit its inputs.
 */
export function inferredOutputs(graph: Graph): ValueInfo[] {
  const typeOf = inferTypes(graph);
  return graph.outputs.map((o) => (o.opaque ? o : { ...o, type: inferredType(typeOf(o.name)?.shape, o.type) }));
}

function inferredType(shape: TensorType['shape'], declared: TensorType): TensorType {
  const old = declared.shape;
  if (shape === undefined) return declared;
  const isAlike = old?.length === shape.length;
  return { ...declared, shape: isAlike ? shape.map((dim, i) => inferredDim(dim, old[i]!)) : shape };
}

function inferredDim(dim: Dim, declared: Dim): Dim {
  // What stays free for callers stays so, whatever the size is inside.
  if (typeof dim === 'number') return typeof declared === 'string' ? declared : dim;
  // A name that nobody gave stands for a size that inference does not know; other ones are those of inputs.
  const isKnown = !/\?\d+/.test(dim);
  return typeof declared === 'number' && isKnown ? dim : declared;
}
