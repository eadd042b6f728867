import { SlimError, UsageError } from '../base/errors.ts';
import { intAttribute } from '../graph/attributes.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { foreignTraits, quantizedNodes } from '../graph/foreign.ts';
import { nodeTitle, operatorName, titleOf } from '../graph/names.ts';
import { isRecurrent } from '../graph/operators.ts';
import { allNodes } from '../graph/rewrite.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Graph, Model, ValueInfo } from '../graph/types.ts';
import { type GroupSummary, groupMembers } from '../groups/groupMembers.ts';
import type { GroupLayer } from '../groups/groups.ts';
import { groupNorms, groupSizes, weightsOf } from '../groups/measure.ts';
import type { TraceOptions } from '../groups/trace.ts';
import { type TracedModel, traceModel } from '../groups/traceModel.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import { type FoundStates, openStates } from '../passes/detectStates.ts';
import { inlineFunctions } from '../passes/inlineFunctions.ts';
import type { PrepareOptions } from '../passes/prepareModel.ts';
import { directionNames } from '../recurrent/directions.ts';
import { foldConstantUnits } from '../slim/foldConstantUnits.ts';
import { type Costs, costsOf, uncountedOperators } from './costs.ts';
import { type NormSummary, summarizeNorms } from './normSummary.ts';

/** A recurrent layer (one direction of it) as `inspect` shows it. */
export interface LayerSummary {
  readonly name: string;
  readonly operator: string;
  readonly units: number;
  /** Units that can leave without loss; undefined when the model cannot be traced. */
  readonly removable: number | undefined;
  /** Units that always stay: their size is tied to something that cannot shrink, or the layer is blocked or fixed. */
  readonly fixed: number;
  /** Which operators and outputs keep units that always stay. */
  readonly keptBy?: GroupLayer['keptBy'];
  /** Why the trace cannot follow the units of this layer. */
  readonly blocked?: string | undefined;
  /** Units that cannot leave without loss though nothing else keeps them, and why. */
  readonly lossy: readonly { readonly reason: string; readonly units: number }[];
  /** Norms of the groups of the units that can leave. */
  readonly norms?: NormSummary | undefined;
  readonly inputSize: number | undefined;
  /** Weights of the largest group; undefined when the model cannot be traced, 0 when no unit can leave. */
  readonly groupSize: number | undefined;
}

/** What a model is made of. */
export interface ModelSummary extends Costs {
  readonly layers: readonly LayerSummary[];
  readonly embeddings: readonly { readonly name: string; readonly rows: number; readonly columns: number }[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** ONNX operator set. */
  readonly opset: number | undefined;
  /** Streaming states: what comes out at the output goes in at the input again. */
  readonly states: readonly StatePair[];
  /** Inputs and outputs that may be streaming states, too, which the graph alone does not tell. */
  readonly unclearStates: readonly StatePair[];
  /** States that go in as one tensor and come out as several, or the other way round; they keep their sizes. */
  readonly scatteredStates: FoundStates['scattered'];
  /** Nodes that compute with whole numbers in place of real ones, as messages call them: their weights cannot be cut. */
  readonly quantized: readonly string[];
  /** Operators of which nobody knows what they cost, so that multiply-adds leave them out. */
  readonly uncounted: readonly string[];
  /** Why the units could not be traced, when they could not. */
  readonly problem: string | undefined;
  /** What belongs to each component, where it was asked for. */
  readonly groups?: readonly GroupSummary[];
}

/** How the units of a model are found; with `groups` the members of each group are listed. */
type DescribeOptions = PrepareOptions & Omit<TraceOptions, 'states'> & { readonly groups?: boolean };

/**
 * Layers, sizes and costs of a model; also for one whose units cannot be traced, which then has a `problem`. Throws a
 * UsageError when the options name states or layers that are not there.
 */
export function describeModel(given: Model, options: DescribeOptions = {}): ModelSummary {
  const model = inlineFunctions(given);
  const { graph } = model;
  const { traced, problem } = tryTrace(model, options);
  const measured = traced && measure(traced);
  const { unclear, scattered } = openStates(model, options.states);
  return {
    layers: [
      ...(measured ? measured.groups.layers.map((l) => describeLayer(l, measured)) : untracedLayers(graph)),
      ...quantizedLayers(graph),
    ],
    embeddings: describeEmbeddings(graph),
    ...costsOf(model),
    inputs: graph.inputs,
    outputs: graph.outputs,
    opset: model.opsets[''],
    states: traced ? statesOf(traced.prepared) : (options.states ?? []),
    unclearStates: unclear,
    scatteredStates: scattered,
    quantized: quantizedNodes(graph).map(titleOf),
    uncounted: uncountedOperators(graph),
    problem,
    ...(options.groups && measured && { groups: groupMembers(measured.groups, measured.norms, measured.live) }),
  };
}

function tryTrace(model: Model, options: DescribeOptions): { traced?: TracedModel; problem?: string } {
  try {
    return { traced: traceModel(model, { tolerant: true, ...options }) };
  } catch (error) {
    if (!(error instanceof SlimError) || error instanceof UsageError) throw error;
    return { problem: error.message };
  }
}

type Measured = ReturnType<typeof measure>;

/** What is known of each component; the sizes of inputs by the name of the layer. */
function measure(traced: TracedModel) {
  const { prepared, groups } = traced;
  const weights = weightsOf(constantPerUse(prepared.graph));
  const { live, driven } = foldConstantUnits(traced);
  return {
    groups,
    live,
    driven,
    norms: groupNorms(groups, weights),
    sizes: groupSizes(groups, prepared.graph),
    inputSizes: inputSizes(prepared.graph),
  };
}

function describeLayer({ name, operator, components, blocked, keptBy }: GroupLayer, measured: Measured): LayerSummary {
  const { groups, live, driven, norms, sizes } = measured;
  const free = [...components].filter((k) => k >= 0);
  const lossy = new Map<string, number>();
  const count = (reason: string) => lossy.set(reason, (lossy.get(reason) ?? 0) + 1);
  for (const k of free) {
    const reason = groups.entangled.get(k);
    if (reason !== undefined) count(reason);
    if (driven[k] === 1) count('only biases drive them, but no bias can stand for what comes out and is read');
  }
  return {
    name,
    operator,
    units: components.length,
    removable: free.filter((k) => live[k] === 0).length,
    fixed: components.length - free.length,
    blocked,
    keptBy,
    lossy: [...lossy].map(([reason, units]) => ({ reason, units })),
    norms: summarizeNorms(free.map((k) => norms[k]!)),
    inputSize: measured.inputSizes.get(name),
    groupSize: free.reduce((most, k) => Math.max(most, sizes[k]!), 0),
  };
}

/** Recurrent nodes as they stand in a graph that cannot be traced. */
function untracedLayers(graph: Graph): LayerSummary[] {
  const sizes = inputSizes(graph);
  return allNodes(graph)
    .filter(isRecurrent)
    .flatMap((node) =>
      directionNames(node).map((name): LayerSummary => {
        const units = intAttribute(node, 'hidden_size', 0);
        const unknown = { removable: undefined, lossy: [], groupSize: undefined };
        return { name, operator: node.op, units, fixed: units, inputSize: sizes.get(name), ...unknown };
      }),
    );
}

/** Recurrent layers with whole numbers for weights: they are there, and none of their units can leave. */
function quantizedLayers(graph: Graph): LayerSummary[] {
  const nodes = quantizedNodes(graph).filter((node) => foreignTraits(node)?.isRecurrent);
  return nodes.map((node) => {
    const units = intAttribute(node, 'hidden_size', 0);
    const none = { removable: 0, fixed: units, lossy: [], groupSize: 0, inputSize: undefined };
    return {
      name: nodeTitle(node),
      operator: operatorName(node),
      units,
      ...none,
      keptBy: [{ cause: QUANTIZED, units }],
    };
  });
}

/** What holds the units of quantized layers, and what to do. */
export const QUANTIZED = 'quantized weights';

/** The last axis of W [D, GH, I] of each layer. */
function inputSizes(graph: Graph): Map<string, number> {
  const shapes = storedTensors(graph);
  const sizes = new Map<string, number>();
  for (const node of allNodes(graph).filter(isRecurrent)) {
    const size = shapes.get(node.inputs[RECURRENT_INPUT.weight]!)?.dims[2];
    if (size !== undefined) for (const name of directionNames(node)) sizes.set(name, size);
  }
  return sizes;
}

function describeEmbeddings(graph: Graph): ModelSummary['embeddings'] {
  const stored = storedTensors(graph);
  const tables = new Map<string, ModelSummary['embeddings'][number]>();
  for (const { op, inputs } of allNodes(graph)) {
    const name = inputs[0] ?? '';
    const table = stored.get(name);
    if (op !== 'Gather' || table?.dims.length !== 2 || !isFloat(table.elementType)) continue;
    tables.set(name, { name, rows: table.dims[0]!, columns: table.dims[1]! });
  }
  return [...tables.values()];
}
