import type { GraphBuilder, Value } from '../../src/graph/builder.ts';
import { bindDim, formatShape } from '../../src/graph/dims.ts';
import { inferTypes } from '../../src/graph/infer/infer.ts';
import { modelOf } from '../../src/graph/model.ts';
import type { Dim, Tensor } from '../../src/graph/types.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { graphOver } from './graphs.ts';

/*
 * For tests: inferred types beside those of the tensors that ONNX Runtime returns.
 */

/** One use of an operator whose inferred types are to be checked. */
export interface ShapeCase {
  readonly op: string;
  readonly variant: string;
  /** One line for each inferred type that is not what comes out; an empty list when all agree. */
  readonly wrong: () => Promise<string[]>;
}

/** What a case may add. */
export interface ShapeOptions<K extends string> {
  /** Free dimensions: the declared shapes; their names are bound by the sizes of the inputs. */
  readonly free?: Partial<Record<K, readonly Dim[]>>;
  /** Dimensions, or the whole rank, that nobody can know before the run are accepted. */
  readonly loose?: boolean;
  /** Operator set, where the operator is newer than ours. */
  readonly opset?: number;
}

/**
 * A table's entry. Types are inferred with the sizes known, then with those of `free` unknown, and compared with a run.
 */
export function shapeCase<K extends string>(
  op: string,
  variant: string,
  inputs: Readonly<Record<K, Tensor>>,
  build: (values: Record<K, Value>, b: GraphBuilder) => Value | readonly Value[],
  options: ShapeOptions<K> = {},
): ShapeCase {
  const wrong = async () => {
    const graph = graphOver(inputs, build);
    if (!graph.nodes.some((n) => n.op === op)) throw new Error(`the graph for ${op} (${variant}) does not contain it`);
    const model = modelOf(graph);
    const session = await nodeRuntime.createSession(
      options.opset ? { ...model, opsets: { '': options.opset } } : model,
      { threads: 1 },
    );
    const results = await session.run(inputs).finally(() => session.release());
    const lines = compareTypes(graph, results, {}, options.loose ?? false);
    if (options.free === undefined) return lines;
    const free = graphOver(inputs, build, options.free);
    const sizes = sizesOf(inputs, options.free);
    return [...lines, ...compareTypes(free, results, sizes, options.loose ?? false)];
  };
  return { op, variant, wrong };
}

function compareTypes(
  graph: ReturnType<typeof graphOver>,
  results: Readonly<Record<string, Tensor>>,
  sizes: Readonly<Record<string, number>>,
  loose: boolean,
): string[] {
  const types = inferTypes(graph);
  return Object.entries(results).flatMap(([name, result]) => {
    const type = types(name);
    if (type === undefined) return [`${name} has no type`];
    const shape = type.shape?.map((d) => bindDim(d, sizes));
    const sameType = type.elementType === result.elementType;
    const isKnown = (d: Dim) => !(loose && typeof d === 'string');
    const sameShape = shape
      ? shape.length === result.dims.length && shape.every((d, i) => !isKnown(d) || d === result.dims[i])
      : loose;
    if (sameType && sameShape) return [];
    const inferred = `${type.elementType} ${formatShape(type.shape)}`;
    return [`${name}: inferred ${inferred}, got ${result.elementType} ${formatShape(result.dims)}`];
  });
}

function sizesOf<K extends string>(
  inputs: Readonly<Record<K, Tensor>>,
  shapes: Partial<Record<K, readonly Dim[]>>,
): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const name of Object.keys(inputs) as K[]) {
    shapes[name]?.forEach((d, i) => {
      if (typeof d === 'string') sizes[d] = inputs[name].dims[i]!;
    });
  }
  return sizes;
}
