import { SlimError, UsageError } from '../../base/errors.ts';
import { intAttribute } from '../../graph/attributes.ts';
import { formatShape, normalizeAxis } from '../../graph/dims.ts';
import { knownTypes } from '../../graph/infer/infer.ts';
import { namesIn } from '../../graph/infer/sizes.ts';
import { movesAll, traits } from '../../graph/operators.ts';
import { producers } from '../../graph/rewrite.ts';
import type { Dim, Graph, Node, ValueInfo } from '../../graph/types.ts';
import { batchAxisByShape } from '../../slim/batchAxes.ts';
import { BATCH } from './bound.ts';
import { type Examples, saidAxis, unclearAxis } from './examples.ts';

/** A dimension's name that no file has. */
const MARK = '@axis';

/**
 * The axis of the examples in an output: the one that is said, else where that of the inputs comes out, else what the
 * output's own shape tells; undefined where the inputs have none. Throws UsageError where nothing tells.
 */
export function outputBatchAxis(
  info: ValueInfo,
  examples: Examples,
  given: Readonly<Record<string, number>>,
): number | undefined {
  const said = saidAxis(info, given);
  if (said !== undefined) return said;
  const shape = info.type.shape ?? [];
  const seen = shape.indexOf(BATCH);
  if (seen >= 0) return seen;
  if ([...examples.inputs, ...examples.zeros].every((v) => v.batchAxis === undefined)) return undefined;
  const merged = shape.find((dim) => namesIn(dim).includes(BATCH));
  if (merged !== undefined) {
    throw new UsageError(
      `output '${info.name}' ${formatShape(shape.map(readable))} has no axis of its own for the examples; ` +
        'cut the model before it puts them together with others',
    );
  }
  const axis = batchAxisByShape(info);
  if (typeof axis === 'number') return axis;
  throw unclearAxis(info, axis === 'none' ? 'it has no axes' : axis.unclear);
}

function readable(dim: Dim): Dim {
  return typeof dim === 'string' ? dim.replaceAll(BATCH, 'batch') : dim;
}

/**
 * The axis of the classes in an output: the only one beside which the targets of an example ([…] in `places`) fit. Of
 * several it is that of the Softmax at the end, else the one that comes from no axis of an input, because a layer makes
 * it. Undefined where none fits; throws UsageError where several are left.
 */
export function classAxisOf(
  graph: Graph,
  info: ValueInfo,
  batchAxis: number | undefined,
  places: readonly number[],
): number | undefined {
  const shape = info.type.shape ?? [];
  const candidates = [...shape.keys()].filter((axis) => {
    const rest = shape.filter((_, i) => i !== axis && i !== batchAxis);
    return axis !== batchAxis && rest.join() === places.join();
  });
  if (candidates.length < 2) return candidates[0];
  const own = softmaxAxis(graph, info.name, shape.length);
  if (own !== undefined && candidates.includes(own)) return own;
  const given = axesFromInputs(graph, info.name);
  const made = candidates.filter((axis) => !given.has(axis));
  if (made.length === 1) return made[0];
  const axes = candidates.join(' or ');
  throw new UsageError(
    `which axis of output '${info.name}' ${formatShape(shape.map(readable))} holds the classes, ${axes}? ` +
      'Say it with --class-axis AXIS',
  );
}

/** The axis of a Softmax that makes an output, as that output has it; undefined where it is moved in ways not followed. */
export function softmaxAxis(graph: Graph, output: string, rank: number): number | undefined {
  const made = producers(graph.nodes);
  const moves: Node[] = [];
  let node = made.get(output);
  for (; node !== undefined && movesAll(node); node = made.get(node.inputs[0]!)) moves.unshift(node);
  if (node === undefined || traits(node).overClasses === undefined) return undefined;
  const inner = knownTypes(graph).type(node.outputs[0]!)?.shape;
  const start = inner && normalizeAxis(intAttribute(node, 'axis', -1), inner.length);
  if (inner === undefined || start === undefined) return undefined;
  const types = followed(graph, node.outputs[0]!, inner.with(start, MARK), moves);
  const shape = types.type(output)?.shape;
  const at = shape?.indexOf(MARK) ?? -1;
  return shape?.length === rank && at >= 0 ? at : undefined;
}

/** Types behind a value whose shape is said, through some nodes. */
function followed(graph: Graph, name: string, shape: readonly Dim[], nodes: readonly Node[]) {
  const input: ValueInfo = { name, type: { elementType: 'float32', shape } };
  return knownTypes({ name: 'moves', inputs: [input], outputs: [], initializers: graph.initializers, nodes });
}

/** Axes of an output along which an axis of some input comes out again. */
function axesFromInputs(graph: Graph, output: string): Set<number> {
  const found = new Set<number>();
  for (const input of graph.inputs) {
    for (const axis of (input.type.shape ?? []).keys()) {
      const renamed = { ...input.type, shape: input.type.shape!.with(axis, MARK) };
      const inputs = graph.inputs.map((v) => (v === input ? { ...v, type: renamed } : v));
      const shape = typeAfter({ ...graph, inputs }, output);
      for (const [i, dim] of (shape ?? []).entries()) if (namesIn(dim).includes(MARK)) found.add(i);
    }
  }
  return found;
}

function typeAfter(graph: Graph, output: string): readonly Dim[] | undefined {
  try {
    return knownTypes(graph).type(output)?.shape;
  } catch (error) {
    if (!(error instanceof SlimError)) throw error;
    return undefined;
  }
}
