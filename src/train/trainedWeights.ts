import { UsageError } from '../base/errors.ts';
import { constantTensor } from '../graph/attributes.ts';
import { sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { sampleOf } from '../graph/lazyTensor.ts';
import { inputsFor, isDifferentiable, isLoop, movesOnce, traits } from '../graph/operators.ts';
import { allNodes, bodiesOf, mapBodies, producers } from '../graph/rewrite.ts';
import { stateSlots } from '../graph/slots.ts';
import type { InputRole } from '../graph/traits.ts';
import type { Graph, Model, Node, Tensor } from '../graph/types.ts';
import { asFloat32, asStored } from '../passes/float32.ts';
import { uniqueNames } from '../passes/uniqueNames.ts';

/*
 * Which stored tensors of an imported model are weights. An ONNX file does not say: weights, constants of formulas and
 * statistics lie side by side, as initializers or as Constant nodes.
 */

/** Asks whether a stored value is a weight of some operator, directly or after being moved, in loops and branches too. */
export function weightTest(graph: Graph): (name: string) => boolean {
  const readers = new Map<string, { node: Node; input: number }[]>();
  const nodes = allNodes(graph);
  for (const node of nodes) {
    node.inputs.forEach((name, input) => {
      if (name !== '') readers.set(name, [...(readers.get(name) ?? []), { node, input }]);
    });
  }
  const made = producers(nodes);
  const others = otherNames(nodes);
  const isProduct = (name: string) => {
    const maker = made.get(name);
    return maker !== undefined && traits(maker).product && isDifferentiable(maker);
  };
  const test = (name: string): boolean =>
    (others.get(name) ?? []).some(test) ||
    (readers.get(name) ?? []).some(({ node, input }) => {
      if (isDifferentiable(node) && inputsFor(node, 'matrix', 'vector').includes(input)) return true;
      if (node.op === 'Add') return isProduct(node.inputs[1 - input] ?? '');
      // Directly or after being moved, first in a row. What is looked up or repeated counts as a constant.
      return (movesOnce(node) || node.op === 'Concat') && input === 0 && node.outputs.some(test);
    });
  return test;
}

/** What else values are called: a loop's state in its body, and what a branch gives behind it. */
function otherNames(nodes: readonly Node[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const add = (name: string | undefined, other: string | undefined) => {
    if (name && other) found.set(name, [...(found.get(name) ?? []), other]);
  };
  for (const node of nodes) {
    for (const body of bodiesOf(node)) {
      if (isLoop(node)) for (const i of stateSlots(node)?.inputs ?? []) add(node.inputs[i], body.inputs[i]?.name);
      else
        body.outputs.forEach(({ name }, i) => {
          add(name, node.outputs[i]);
        });
    }
  }
  return found;
}

/**
 * The model with weights that it holds in `Constant` nodes, or inside loops and branches, as initializers of the
 * outermost graph; where several graphs inside use a name, they are told apart.
 */
export function liftConstants(model: Model): Model {
  const graph = uniqueNames(model.graph);
  const lifted = new Map<string, Tensor>();
  const rest = liftFrom(graph, weightTest(graph), lifted, true);
  if (lifted.size === 0) return model;
  return { ...model, graph: { ...rest, initializers: new Map([...rest.initializers, ...lifted]) } };
}

/** A graph without the weights that go to `lifted`; of the outermost one initializers stay. */
function liftFrom(
  graph: Graph,
  isWeight: (name: string) => boolean,
  lifted: Map<string, Tensor>,
  outermost = false,
): Graph {
  const given = new Set(graph.outputs.map((o) => o.name));
  const goes = (name: string, tensor: Tensor | undefined): tensor is Tensor =>
    tensor !== undefined && isFloat(tensor.elementType) && tensor.dims.length > 0 && (outermost || !given.has(name));
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const tensor = constantTensor(node);
    const name = node.outputs[0]!;
    if (!goes(name, tensor) || !isWeight(name)) return [mapBodies(node, (body) => liftFrom(body, isWeight, lifted))];
    lifted.set(name, tensor);
    return [];
  });
  if (outermost) return { ...graph, nodes };
  const own = [...graph.initializers].filter(([name, tensor]) => goes(name, tensor));
  for (const [name, tensor] of own) lifted.set(name, tensor);
  return { ...graph, nodes, initializers: new Map([...graph.initializers].filter(([name]) => !lifted.has(name))) };
}

/**
 * Names of the initializers that can be trained: float32 and float16 tensors of several finite values, and single values
 * where an operator takes weights; not the statistics of BatchNormalization and zero initial states.
 */
export function trainableNames(graph: Graph): string[] {
  const isWeight = weightTest(graph);
  const fixed = readAs(graph, 'statistic');
  // Zeros there are a convention, not something learned.
  const starting = readAs(graph, 'state');
  const isTrainable = ([name, tensor]: readonly [string, Tensor]) => {
    if (tensor.elementType !== 'float32' && tensor.elementType !== 'float16') return false;
    if (fixed.has(name) || tensor.dims.length === 0) return false;
    if (sizeOf(tensor.dims) < 2 && !isWeight(name)) return false;
    const values = numbersIn(tensor);
    return values.every(Number.isFinite) && !(starting.has(name) && values.every((v) => v === 0));
  };
  return [...graph.initializers].filter(isTrainable).map(([name]) => name);
}

/**
 * Names of the initializers that are trained: all that can be, but for what `freeze` names (`*` stands for any part of a
 * name). Throws UsageError when a pattern matches nothing, or nothing is left.
 */
export function trainedNames(graph: Graph, freeze: readonly string[] = []): string[] {
  const candidates = trainableNames(graph);
  // `layer*` as a test of whole names.
  const patterns = freeze.map((text) => {
    const source = text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
    return { text, pattern: new RegExp(`^${source}$`) };
  });
  for (const { text, pattern } of patterns) {
    if (candidates.some((name) => pattern.test(name))) continue;
    const listed = `${candidates.slice(0, 12).join(', ')}${candidates.length > 12 ? ', …' : ''}`;
    throw new UsageError(`--freeze ${text}: no weight has such a name; the weights are ${listed}`);
  }
  const names = candidates.filter((name) => !patterns.some((p) => p.pattern.test(name)));
  if (names.length === 0) {
    const why = candidates.length > 0 ? 'all of them are frozen' : 'it holds no float32 or float16 weights';
    throw new UsageError(`the model has nothing to train: ${why}`);
  }
  return names;
}

/** Float32 values of a tensor, or what tells the same of them. */
function numbersIn(tensor: Tensor): Float32Array {
  const { elementType } = tensor;
  const data = sampleOf(tensor);
  return asFloat32({ elementType, dims: [data.length], data }).data as Float32Array;
}

function readAs(graph: Graph, role: InputRole): Set<string> {
  return new Set(allNodes(graph).flatMap((node) => inputsFor(node, role).map((i) => node.inputs[i]!)));
}

/** Float32 values by name; a model in half precision has them beside its own. */
export type Weights = ReadonlyMap<string, Tensor>;

/** The trained weights of a model, in float32 (the model's own arrays where it stores them so). */
export function weightsOfModel(model: Model, names: readonly string[]): Weights {
  return new Map(names.map((name) => [name, asFloat32(model.graph.initializers.get(name)!)]));
}

/** The model with these weights, rounded to the element types that it stores. */
export function withWeights(model: Model, weights: Weights): Model {
  const initializers = new Map(
    [...model.graph.initializers].map(([name, tensor]) => {
      const weight = weights.get(name);
      return [name, weight ? asStored(weight, tensor) : tensor] as const;
    }),
  );
  return { ...model, graph: { ...model.graph, initializers } };
}
