import { SlimError, UsageError } from '../../base/errors.ts';
import { intAttribute } from '../../graph/attributes.ts';
import { formatShape, isStatic, normalizeAxis, sizeOf } from '../../graph/dims.ts';
import { knownTypes } from '../../graph/infer/infer.ts';
import { namesIn } from '../../graph/infer/sizes.ts';
import { moves, traits } from '../../graph/operators.ts';
import type { Dim, Graph, Node, ValueInfo } from '../../graph/types.ts';
import { batchAxisByShape } from '../../slim/batchAxes.ts';
import { BATCH } from './bound.ts';
import { ending } from './endings.ts';
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
  const { activation, moves: movers } = ending(graph, output);
  if (activation === undefined || traits(activation).overClasses === undefined) return undefined;
  const shapeOf = (name: string) => knownTypes(graph).type(name)?.shape;
  let shape = shapeOf(activation.outputs[0]!);
  let axis = shape && normalizeAxis(intAttribute(activation, 'axis', -1), shape.length);
  for (const node of movers) {
    if (shape === undefined || axis === undefined) return undefined;
    const behind = shapeOf(node.outputs[0]!);
    axis = markedAxis(graph, node, shape, axis) ?? axisAlike(node, shape, axis, behind);
    shape = behind;
  }
  return shape?.length === rank ? axis : undefined;
}

/** Where an axis comes out of a node that moves elements, by its name; undefined where the name is lost. */
function markedAxis(graph: Graph, node: Node, shape: readonly Dim[], axis: number): number | undefined {
  const at = followed(graph, node.inputs[0]!, shape.with(axis, MARK), [node])
    .type(node.outputs[0]!)
    ?.shape?.indexOf(MARK);
  return at === undefined || at < 0 ? undefined : at;
}

/** Where an axis is behind a Reshape to sizes that are spelled out: that of its size, with as many elements behind it. */
function axisAlike(node: Node, shape: readonly Dim[], axis: number, behind: readonly Dim[] = []): number | undefined {
  if (moves(node) === 'reorders') return undefined;
  const inner = (dims: readonly Dim[], at: number) => {
    const rest = dims.slice(at + 1);
    return isStatic(rest) ? sizeOf(rest) : undefined;
  };
  const wanted = inner(shape, axis);
  const found = behind.findIndex((dim, at) => dim === shape[axis] && inner(behind, at) === wanted);
  return wanted === undefined || typeof shape[axis] !== 'number' || found < 0 ? undefined : found;
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
