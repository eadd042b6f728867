import { SlimError, UsageError } from '../base/errors.ts';
import { constantTensor } from '../graph/attributes.ts';
import { isRecurrent } from '../graph/operators.ts';
import { mapBodies } from '../graph/rewrite.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Dim, Graph, Model, Node, Tensor, ValueInfo } from '../graph/types.ts';
import type { Groups } from '../groups/groups.ts';
import { groupNorms, type WeightLookup, weightsOf } from '../groups/measure.ts';
import type { TracedGroups } from '../groups/trace.ts';
import { type TracedModel, type TraceModelOptions, traceModel } from '../groups/traceModel.ts';
import { constantPerUse, mergeConstants, mergeFills } from '../passes/constantPerUse.ts';
import { inferredOutputs } from '../passes/inferredOutputs.ts';
import { inlineFunctions } from '../passes/inlineFunctions.ts';
import { joinDirections } from '../passes/joinDirections.ts';
import { mergeVectors } from '../passes/ownVectors.ts';
import { foldConstantUnits } from './foldConstantUnits.ts';
import { packWeights } from './packWeights.ts';
import { adaptShapeConstants, type Channels, sizeNow } from './shapeConstants.ts';
import { type Removal, removes, sliceByGroups } from './slice.ts';

/**
 * The model without the components that go: every tensor is sliced along all its axes at once, sizes that the graph
 * spells out follow, and so do the types of inputs and outputs. At least one unit of every layer stays, the one with
 * the largest norm. Works for any choice of components; it is lossless only for those that `liveComponents` says are
 * not alive. Throws a SlimError when something in the graph needs the old sizes, or when the groups are not those of
 * this model.
 */
export function shrink(model: Model, groups: TracedGroups, remove: Removal): Model {
  const own = constantPerUse(model.graph);
  const tensors = storedTensors(own);
  checkGroups(own, groups, tensors);
  const removed = settleRemoval(groups, remove, (name) => tensors.get(name));
  if (!removed.includes(1)) return model;
  const channels = channelsOf(groups, removed, tensors);
  const cut = shrinkGraph(own, groups, removed, channels);
  const graph = mergeConstants(fitting(() => adaptShapeConstants(cut, channels, { opset: model.opsets[''] })));
  // Types that the file gave of values in between may be wrong now.
  const { valueInfo: _, valueExtras: __, otherValueInfo: ___, ...rest } = graph;
  return { ...model, graph: { ...rest, outputs: checkedOutputs(graph) } };
}

/** What is removed in the end: `remove`, without the last unit of any layer, or of any tensor's axis, that would lose all. */
export function settleRemoval(groups: Groups, remove: Removal, weights: WeightLookup): Uint8Array {
  if (remove instanceof Uint8Array && remove.length !== groups.count) {
    throw new UsageError(`there are ${groups.count} components, but ${remove.length} flags say which to remove`);
  }
  const goes = removes(remove);
  const removed = Uint8Array.from({ length: groups.count }, (_, k) => (goes(k) ? 1 : 0));
  let norms: Float64Array | undefined;
  // A part of a layer that a slice picks must not vanish either: no tensor may lose a whole axis.
  for (const { components } of [...groups.layers, ...groups.axes]) {
    if (components.length === 0 || components.some((k) => k < 0 || removed[k] === 0)) continue;
    norms ??= groupNorms(groups, weights);
    removed[components.reduce((best, k) => (norms![k]! > norms![best]! ? k : best))] = 0;
  }
  return removed;
}

/** A layer before and after, in units. */
export interface ShrunkLayer {
  readonly name: string;
  readonly before: number;
  readonly after: number;
}

/** A smaller model, and how it came about. */
export interface Shrunk extends TracedModel {
  readonly model: Model;
  /** 1 for each of their components that is gone. */
  readonly removed: Uint8Array;
  readonly layers: readonly ShrunkLayer[];
  /** Inputs and outputs that have another shape now: whoever runs the model must know. */
  readonly resized: readonly ResizedValue[];
}

/** An input or output before and after. */
export interface ResizedValue {
  readonly name: string;
  readonly before: readonly Dim[];
  readonly after: readonly Dim[];
}

/**
 * Removes what can leave without loss: every component that no living one reads (`liveComponents`), and those that only
 * biases drive, where their readers' biases can take what they put out (`foldConstantUnits`).
 */
export function shrinkZeros(model: Model, options: TraceModelOptions = {}): Shrunk {
  const { prepared, groups, live } = foldConstantUnits(traceModel(model, options));
  return shrinkModel(model, { prepared, groups }, (k) => live[k] === 0);
}

/** Removes components of a prepared model (`traceModel`), and puts its directions together again. */
export function shrinkModel(model: Model, traced: TracedModel, remove: Removal): Shrunk {
  const { prepared, groups } = traced;
  const removed = settleRemoval(groups, remove, weightsOf(constantPerUse(prepared.graph)));
  const layers = layerSizes(groups, removed);
  if (!removed.includes(1)) return { ...traced, model, removed, layers, resized: [] };
  const cut = joinDirections(shrink(prepared, groups, removed));
  const merged = { ...cut, graph: mergeVectors(mergeFills(cut.graph)) };
  const slim = packWeights(merged, inlineFunctions(model).graph, groups, removed);
  return { ...traced, model: slim, removed, layers, resized: resizedBorder(model, slim) };
}

/** Inputs and outputs of a model whose shapes changed: its streaming states. */
function resizedBorder(before: Model, after: Model): ResizedValue[] {
  const old = [...before.graph.inputs, ...inferredOutputs(before.graph)];
  const shapes = new Map(old.map((v) => [v.name, v.type.shape]));
  return [...after.graph.inputs, ...after.graph.outputs].flatMap(({ name, type }) => {
    const old = shapes.get(name);
    const same = old === undefined || type.shape === undefined || old.join() === type.shape.join();
    return same ? [] : [{ name, before: old, after: type.shape }];
  });
}

/** Units of each layer before and after a removal. */
export function layerSizes(groups: Groups, removed: Removal): ShrunkLayer[] {
  const goes = removes(removed);
  return groups.layers.map(({ name, components }) => {
    const after = components.reduce((n, k) => n + (goes(k) ? 0 : 1), 0);
    return { name, before: components.length, after };
  });
}

/** Throws a SlimError unless the axes of the groups are as long as those of the model's tensors and states. */
function checkGroups(graph: Graph, groups: Groups, tensors: ReadonlyMap<string, Tensor>): void {
  const inputs = new Map(graph.inputs.map((v) => [v.name, v.type.shape]));
  for (const { tensor, axis, components } of groups.axes) {
    const size = (tensors.get(tensor)?.dims ?? inputs.get(tensor))?.[axis];
    if (size === components.length) continue;
    throw new SlimError(
      `the groups have ${components.length} indices on axis ${axis} of '${tensor}', the model has ` +
        `${size ?? 'none'}; trace the groups of this model`,
    );
  }
}

/** Which channels of which values go with the removed components. */
function channelsOf(
  { axes, trace }: TracedGroups,
  removed: Uint8Array,
  tensors: ReadonlyMap<string, Tensor>,
): Channels {
  const { identities } = trace;
  const gone = new Set<number>();
  const stored = new Map(identities.stored.map((s) => [`${s.axis} ${s.tensor}`, s.ids]));
  for (const { tensor, axis, components } of axes) {
    const ids = stored.get(`${axis} ${tensor}`);
    // A tensor that was added behind the trace has channels that others have, too.
    ids?.forEach((id, i) => {
      if (removed[components[i]!] === 1) gone.add(identities.find(id));
    });
  }
  return { ...trace, tensors, goes: (id) => gone.has(identities.find(id)) };
}

function shrinkGraph(graph: Graph, groups: Groups, removed: Uint8Array, channels: Channels): Graph {
  const sliced = (name: string, tensor: Tensor) => sliceByGroups(name, tensor, groups, removed);
  return {
    ...graph,
    inputs: graph.inputs.map((v) => resized(v, channels)),
    outputs: graph.outputs.map((v) => resized(v, channels)),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, sliced(name, tensor)])),
    nodes: graph.nodes.map((node): Node => {
      const constant = constantTensor(node);
      if (constant) {
        const value = sliced(node.outputs[0]!, constant);
        return value === constant ? node : { ...node, attributes: { value: { type: 'tensor', value } } };
      }
      if (isRecurrent(node)) return withHiddenSize(node, channels);
      return mapBodies(node, (body) => shrinkGraph(body, groups, removed, channels));
    }),
  };
}

function withHiddenSize(node: Node, channels: Channels): Node {
  const recurrent = channels.values.get(node.inputs[RECURRENT_INPUT.recurrent]!);
  const value = recurrent && sizeNow(recurrent, 2, channels);
  return value === undefined
    ? node
    : { ...node, attributes: { ...node.attributes, hidden_size: { type: 'int', value } } };
}

/** An input or output whose channels go: a streaming state, or a border of a loop's body. */
function resized(info: ValueInfo, channels: Channels): ValueInfo {
  const value = channels.values.get(info.name);
  const shape = info.type.shape?.map((d, axis) => {
    return value && typeof d === 'number' ? (sizeNow(value, axis, channels) ?? d) : d;
  });
  return { ...info, type: { ...info.type, shape } };
}

/** Outputs with their new types, after checking that every operator still fits its inputs. */
function checkedOutputs(graph: Graph): ValueInfo[] {
  return fitting(() => inferredOutputs(graph));
}

/** What a function returns, or a SlimError that says what it means that the shapes do not fit. */
function fitting<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof SlimError)) throw error;
    throw new SlimError(
      `the model cannot be made smaller: a constant in it spells out a size that would change (${error.message}); ` +
        'export the model with sizes taken from its data (Shape, or -1 in a Reshape)',
    );
  }
}
