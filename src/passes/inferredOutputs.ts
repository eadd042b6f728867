import { inferTypes } from '../graph/infer/infer.ts';
import type { Dim, Graph, TensorType, ValueInfo } from '../graph/types.ts';

/**
 * The outputs of a graph with the types that follow from it. The name of a free dimension of an input stays, so does a
 * declared size of which nothing is known; what contradicts the graph goes. Throws a ShapeError when an operator does
 * not fit its inputs.
 */
export function inferredOutputs(graph: Graph): ValueInfo[] {
  const typeOf = inferTypes(graph);
  const free = new Set(graph.inputs.flatMap(({ type }) => type.shape?.filter((dim) => typeof dim === 'string') ?? []));
  return graph.outputs.map((o) => (o.opaque ? o : { ...o, type: inferredType(typeOf(o.name)?.shape, o.type, free) }));
}

function inferredType(shape: TensorType['shape'], declared: TensorType, free: ReadonlySet<string>): TensorType {
  const old = declared.shape;
  if (shape === undefined) return declared;
  const isAlike = old?.length === shape.length;
  return { ...declared, shape: isAlike ? shape.map((dim, i) => inferredDim(dim, old[i]!, free)) : shape };
}

function inferredDim(dim: Dim, declared: Dim, free: ReadonlySet<string>): Dim {
  // What stays free for callers stays so, whatever the size is inside.
  if (typeof dim === 'number') return typeof declared === 'string' && free.has(declared) ? declared : dim;
  // A name that nobody gave stands for a size that inference does not know; other ones are those of inputs.
  const isKnown = !/\?\d+/.test(dim);
  return typeof declared === 'number' && isKnown ? dim : declared;
}
