import { SlimError, UsageError } from '../errors.ts';
import { constantTensor } from '../graph/attributes.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { statesOf } from '../graph/states.ts';
import type { Graph, Model, Node, Tensor, ValueInfo } from '../graph/types.ts';
import { isRecurrent } from '../recurrent/lower.ts';
import { constantPerUse, mapBodies, mergeConstants, storedTensors } from '../sparsity/constants.ts';
import type { Groups } from '../sparsity/groups.ts';
import { groupNorms, liveComponents, type WeightLookup, weightsOf } from '../sparsity/measure.ts';
import { type TraceOptions, traceGraph, traceGroups } from '../sparsity/trace.ts';
import { idsAlong } from '../sparsity/tracing/traced.ts';
import type { Trace } from '../sparsity/tracing/walk.ts';
import { adaptNode, type Channels, countKept } from './followers.ts';
import { type Removal, removes, sliceByGroups } from './slice.ts';

/**
 * The model without the components that go: every tensor is sliced along all its axes at once, sizes that the graph
 * spells out follow, and so do the types of inputs and outputs. At least one unit of every layer stays, the one with
 * the largest norm. Works for any choice of components; it is lossless only for those that `liveComponents` says are
 * not alive. Throws a SlimError when something in the graph needs the old sizes, or when the groups are not those of
 * this model.
 */
export function shrink(model: Model, groups: Groups, remove: Removal): Model {
  const removed = settleRemoval(groups, remove, weightsOf(constantPerUse(model.graph)));
  if (!removed.includes(1)) return model;
  const trace = traceGraph(model.graph, statesOf(model));
  const channels = channelsOf(model.graph, groups, removed, trace);
  const graph = mergeConstants(shrinkGraph(constantPerUse(model.graph), groups, removed, channels));
  return { ...model, graph: { ...graph, outputs: checkedOutputs(graph) } };
}

/** What is removed in the end: `remove`, without the last unit of any layer that would lose all. */
export function settleRemoval(groups: Groups, remove: Removal, weights: WeightLookup): Uint8Array {
  if (remove instanceof Uint8Array && remove.length !== groups.count) {
    throw new UsageError(`there are ${groups.count} components, but ${remove.length} flags say which to remove`);
  }
  const goes = removes(remove);
  const removed = Uint8Array.from({ length: groups.count }, (_, k) => (goes(k) ? 1 : 0));
  let norms: Float64Array | undefined;
  for (const { components } of groups.layers) {
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
export interface Shrunk {
  readonly model: Model;
  /** Groups of the model as it was. */
  readonly groups: Groups;
  /** 1 for each of their components that is gone. */
  readonly removed: Uint8Array;
  readonly layers: readonly ShrunkLayer[];
}

/** Removes what can leave without loss: every component that no living one reads (`liveComponents`). */
export function shrinkZeros(model: Model, options: Omit<TraceOptions, 'states'> = {}): Shrunk {
  const groups = traceGroups(model.graph, { ...options, states: statesOf(model) });
  const weights = weightsOf(constantPerUse(model.graph));
  const live = liveComponents(groups, weights);
  const removed = settleRemoval(groups, (k) => live[k] === 0, weights);
  return { model: shrink(model, groups, removed), groups, removed, layers: layerSizes(groups, removed) };
}

/** Units of each layer before and after a removal. */
export function layerSizes(groups: Groups, removed: Removal): ShrunkLayer[] {
  const goes = removes(removed);
  return groups.layers.map(({ name, components }) => {
    const after = components.reduce((n, k) => n + (goes(k) ? 0 : 1), 0);
    return { name, before: components.length, after };
  });
}

/** Connects the identities of a trace with the components of groups, which may have been found by another trace. */
function channelsOf(graph: Graph, groups: Groups, removed: Uint8Array, trace: Trace): Channels {
  const gone = new Set<number>();
  const stored = new Map(trace.identities.stored.map((s) => [`${s.axis} ${s.tensor}`, s.ids]));
  for (const { tensor, axis, components } of groups.axes) {
    const ids = stored.get(`${axis} ${tensor}`);
    if (ids?.length !== components.length) {
      throw new SlimError(
        `the groups have ${components.length} indices on axis ${axis} of '${tensor}', the model has ` +
          `${ids?.length ?? 'none'}; trace the groups of this model`,
      );
    }
    components.forEach((k, i) => {
      if (removed[k] === 1) gone.add(trace.identities.find(ids[i]!));
    });
  }
  const tensors = storedTensors(graph);
  const names = new Set<string>(trace.values.keys());
  return {
    valueOf: (name) => trace.values.get(name),
    goes: (id) => gone.has(trace.identities.find(id)),
    tensorOf: (name) => tensors.get(name),
    fresh(prefix) {
      let name = prefix;
      for (let i = 1; names.has(name); i++) name = `${prefix}_${i}`;
      names.add(name);
      return name;
    },
  };
}

function shrinkGraph(graph: Graph, groups: Groups, removed: Uint8Array, channels: Channels): Graph {
  const sliced = (name: string, tensor: Tensor) => sliceByGroups(name, tensor, groups, removed);
  return {
    ...graph,
    inputs: graph.inputs.map((v) => resized(v, channels)),
    outputs: graph.outputs.map((v) => resized(v, channels)),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, sliced(name, tensor)])),
    nodes: graph.nodes.flatMap((node): Node[] => {
      const constant = constantTensor(node);
      if (constant) return [withTensor(node, constant, sliced(node.outputs[0]!, constant))];
      if (isRecurrent(node)) return [withHiddenSize(node, channels)];
      const inside = mapBodies(node, (body) => shrinkGraph(body, groups, removed, channels));
      return adaptNode(inside, channels);
    }),
  };
}

function withTensor(node: Node, before: Tensor, value: Tensor): Node {
  return value === before ? node : { ...node, attributes: { value: { type: 'tensor', value } } };
}

function withHiddenSize(node: Node, channels: Channels): Node {
  const recurrent = channels.valueOf(node.inputs[2]!);
  const units = recurrent && idsAlong(recurrent, 2);
  if (units === undefined || !units.some(channels.goes)) return node;
  const hidden_size = { type: 'int', value: countKept(units, channels) } as const;
  return { ...node, attributes: { ...node.attributes, hidden_size } };
}

/** An input or output whose channels go: a streaming state, or a border of a loop's body. */
function resized(info: ValueInfo, channels: Channels): ValueInfo {
  const value = channels.valueOf(info.name);
  const shape = info.type.shape?.map((d, axis) => {
    const ids = value && idsAlong(value, axis);
    return ids && typeof d === 'number' && ids.some(channels.goes) ? countKept(ids, channels) : d;
  });
  return { ...info, type: { ...info.type, shape } };
}

/** Outputs with their new types, after checking that every operator still fits its inputs. */
function checkedOutputs(graph: Graph): ValueInfo[] {
  try {
    const typeOf = inferTypes(graph);
    return graph.outputs.map((o) => ({ name: o.name, type: withNames(typeOf(o.name)?.shape, o) }));
  } catch (error) {
    if (!(error instanceof SlimError)) throw error;
    throw new SlimError(
      `the model cannot be made smaller: a constant in it spells out a size that would change (${error.message}); ` +
        'export the model with sizes taken from its data (Shape, or -1 in a Reshape)',
    );
  }
}

/** Inferred sizes where they are numbers; free dimensions keep the names that the model gives them. */
function withNames(shape: ValueInfo['type']['shape'], declared: ValueInfo): ValueInfo['type'] {
  const old = declared.type.shape;
  const named = shape?.map((d, i) => (typeof d === 'number' ? d : (old?.[i] ?? d)));
  return { ...declared.type, shape: named ?? old };
}
