import { SlimError } from '../base/errors.ts';
import { intAttribute } from '../graph/attributes.ts';
import { nodeTitle, titleOf } from '../graph/names.ts';
import { isLookup, isRecurrent } from '../graph/operators.ts';
import { allNodes, producers } from '../graph/rewrite.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import type { StatePair } from '../graph/states.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Graph, Node } from '../graph/types.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';
import { directionNames } from '../recurrent/directions.ts';
import type { AxisComponents, GroupLayer, Groups } from './groups.ts';
import { layersNamed } from './layerNames.ts';
import { recurrentStates } from './tracing/cells.ts';
import type { Identities } from './tracing/identities.ts';
import { idsAlong, type Traced } from './tracing/traced.ts';
import type { TracedLayer } from './tracing/tracedLayer.ts';
import { type Trace, walk } from './tracing/walk.ts';

/** What the trace takes as given. */
export interface TraceOptions {
  /** Streaming states (`statesOf(model)`); other inputs and outputs of the graph keep their sizes. */
  readonly states?: readonly StatePair[];
  /** Names of layers (`layersNamed`) that keep all units, so that an unknown operator may follow them. */
  readonly fix?: readonly string[];
  /** Lets layers keep all their units, and say why in `blocked`, where the trace would otherwise throw. */
  readonly tolerant?: boolean;
  /** ONNX operator set of the model, which says over which axes Softmax runs; absent: the newest. */
  readonly opset?: number | undefined;
  /** Lets the columns of embedding tables vanish too; the paper leaves them dense. */
  readonly embeddings?: boolean;
  /** Lets what other hidden layers put out vanish too: channels of convolutions, columns of dense layers. */
  readonly allLayers?: boolean;
}

/** Groups with the trace that they were read from, which says of every value what leaves with which component. */
export interface TracedGroups extends Groups {
  /** Knows names, identities and sizes, and keeps no weights alive. */
  readonly trace: Trace;
}

/**
 * Finds which index of which axis of which weight goes together, by following the data through the graph. Layers are
 * the recurrent nodes (each direction one; unit k of both is one component, until `splitDirections` parts them), then
 * cells that are spelled out, then the embeddings and other hidden layers if asked for. Constants that several nodes use stand once per use, as
 * `constantPerUse` names them. Throws a SlimError where units pass an operator that the trace does not know, unless
 * `fix` names their layers, and a UsageError when `fix` names a layer that is not there.
 */
export function traceGroups(graph: Graph, options: TraceOptions = {}): TracedGroups {
  const states = options.states ?? [];
  const trace = traceGraph(graph, states, options.opset);
  const { identities } = trace;
  const made = producers(allNodes(graph));
  const recurrent: TracedLayer[] = [
    ...allNodes(graph)
      .filter(isRecurrent)
      .flatMap((node) => recurrentLayers(node, trace.values, made)),
    ...recurrentStates(constantPerUse(graph), trace, states),
  ];
  const named = options.embeddings ? [...recurrent, ...embeddingLayers(graph, trace.values)] : recurrent;
  const hidden = options.allLayers ? hiddenLayers(graph, trace, named) : [];
  const fixed = (options.fix ?? []).flatMap((name) => layersNamed([...named, ...hidden], name));
  const blocked = blockedLayers([...named, ...hidden], identities);
  // Nobody asked for a particular one of these: one that cannot shrink is not there.
  const layers = [...named, ...hidden.filter((l) => !blocked.has(l) && identities.rootsOf(l.ids).length > 0)];
  for (const layer of hidden) blocked.delete(layer);
  if (!options.tolerant) refuseBlocked(graph, blocked, fixed);
  identities.at = '--fix';
  for (const layer of fixed) identities.fix(layer.ids);

  const numbers = new Map<number, number>();
  for (const root of layers.flatMap((l) => identities.rootsOf(l.ids))) {
    if (!numbers.has(root)) numbers.set(root, numbers.size);
  }
  const componentsOf = (ids: Int32Array) => ids.map((id) => numbers.get(identities.find(id)) ?? -1);
  const known = new Set([...storedTensors(constantPerUse(graph)).keys(), ...graph.inputs.map((v) => v.name)]);
  return {
    layers: layers.map((layer): GroupLayer => {
      const { name, operator, ids, keptBy } = layer;
      return {
        name,
        operator,
        components: componentsOf(ids),
        blocked: blocked.get(layer),
        keptBy: keptBy ?? causes(ids, identities),
      };
    }),
    count: numbers.size,
    axes: identities.stored
      .filter((a) => known.has(a.tensor))
      .map(({ ids, role = 'bias', ...at }): AxisComponents => ({ ...at, role, components: componentsOf(ids) }))
      .filter((a) => a.components.some((k) => k >= 0)),
    entangled: entangledComponents(identities, numbers),
    trace,
  };
}

/** What keeps units where they are, most units first; undefined where none is kept. */
function causes(ids: Int32Array, identities: Identities): GroupLayer['keptBy'] {
  const counts = new Map<string, number>();
  for (const id of ids) {
    const cause = identities.causeOf(id);
    if (cause) counts.set(cause, (counts.get(cause) ?? 0) + 1);
  }
  if (counts.size === 0) return undefined;
  return [...counts].map(([cause, units]) => ({ cause, units })).sort((a, b) => b.units - a.units);
}

/** Components that some operator mixes with others, with the first reason found. */
function entangledComponents(identities: Identities, numbers: ReadonlyMap<number, number>): Map<number, string> {
  const found = new Map<number, string>();
  for (const { ids, reason } of identities.entanglements) {
    for (const id of ids) {
      const k = numbers.get(identities.find(id));
      if (k !== undefined && !found.has(k)) found.set(k, reason);
    }
  }
  return found;
}

/** The trace that groups are read from, of the graph with its recurrent operators lowered. */
export function traceGraph(graph: Graph, states: readonly StatePair[], opset?: number): Trace {
  const titles = new Map<Node, string>();
  const lowered = lowerRecurrent(constantPerUse(graph), (from, nodes) => {
    for (const node of nodes) titles.set(node, titleOf(from));
  });
  return walk(lowered, states, opset, titles);
}

/** The units of a recurrent node are the columns of R [D, GH, H]. */
function recurrentLayers(
  node: Node,
  values: ReadonlyMap<string, Traced>,
  made: ReadonlyMap<string, Node>,
): TracedLayer[] {
  const name = node.inputs[RECURRENT_INPUT.recurrent]!;
  const [recurrent, maker] = [values.get(name), made.get(name)];
  const ids = recurrent && idsAlong(recurrent, 2);
  const units = ids ?? new Int32Array(intAttribute(node, 'hidden_size', 0));
  const cause = ids === undefined && maker ? `${titleOf(maker)} (it makes the weights)` : undefined;
  const keptBy = cause === undefined ? undefined : [{ cause, units: units.length }];
  return directionNames(node).map((name) => ({ name, operator: node.op, ids: units, keptBy }));
}

/** Lookups in a stored table [V, E]; its columns are the units. */
function embeddingLayers(graph: Graph, values: ReadonlyMap<string, Traced>): TracedLayer[] {
  const stored = storedTensors(graph);
  return allNodes(graph).flatMap((node): TracedLayer[] => {
    const table = values.get(node.inputs[0] ?? '');
    const known = stored.has(node.inputs[1]!);
    if (!isLookup(node) || known || table?.kind !== 'weight' || table.axes.length !== 2) return [];
    return [{ name: nodeTitle(node), operator: node.op, ids: table.axes[1]!.ids }];
  });
}

/** Products with a stored weight that make units of their own; those of recurrent layers and of `known` ones make none. */
function hiddenLayers(graph: Graph, { values, identities }: Trace, known: readonly TracedLayer[]): TracedLayer[] {
  const seen = new Set(known.flatMap((l) => identities.rootsOf(l.ids)));
  return allNodes(constantPerUse(graph)).flatMap((node): TracedLayer[] => {
    const makes = node.domain === '' ? makingAxis(node) : undefined;
    const weight = values.get(node.inputs[1] ?? '');
    if (makes === undefined || weight?.kind !== 'weight') return [];
    const ids = weight.axes[makes]?.ids ?? new Int32Array(0);
    const own = identities.rootsOf(ids).filter((root) => !seen.has(root));
    for (const root of own) seen.add(root);
    return own.length === 0 ? [] : [{ name: nodeTitle(node), operator: node.op, ids }];
  });
}

/** The axis of a product's stored weight that makes its results; undefined for other operators. */
function makingAxis(node: Node): number | undefined {
  switch (node.op) {
    case 'Conv':
      return 0;
    case 'ConvTranspose':
    case 'MatMul':
      return 1;
    case 'Gemm':
      return intAttribute(node, 'transB', 0) === 1 ? 0 : 1;
    default:
      return undefined;
  }
}

/** Layers whose units meet an operator that the trace does not know, and why it is one. The channels there stay. */
function blockedLayers(layers: readonly TracedLayer[], identities: Identities): Map<TracedLayer, string> {
  const blocked = new Map<TracedLayer, string>();
  for (const { reason, ids } of identities.obstacles) {
    const roots = new Set(identities.rootsOf(ids));
    for (const layer of layers) {
      if (!blocked.has(layer) && layer.ids.some((id) => roots.has(identities.find(id)))) blocked.set(layer, reason);
    }
  }
  for (const { ids, reason } of identities.obstacles) {
    identities.at = reason;
    identities.fix(ids);
  }
  return blocked;
}

function refuseBlocked(graph: Graph, blocked: ReadonlyMap<TracedLayer, string>, fixed: readonly TracedLayer[]): void {
  const open = [...blocked].filter(([layer]) => !fixed.includes(layer));
  if (open.length === 0) return;
  const byReason = new Map<string, string[]>();
  for (const [{ name }, reason] of open) byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
  const problems = [...byReason].map(
    ([reason, names]) => `cannot follow the units of ${names.map((n) => `'${n}'`).join(', ')} through ${reason}`,
  );
  const names = open.map(([layer]) => layer.name).join(',');
  // What is not known before the run may follow from sizes.
  const free = new Set(graph.inputs.flatMap(({ type }) => type.shape?.filter((d) => typeof d === 'string') ?? []));
  const isOpen = free.size > 0 && open.some(([, reason]) => /not known|branches/.test(reason));
  const sizes = isOpen ? `fix sizes that this depends on (--size NAME=NUMBER: ${[...free].join(', ')}), or ` : '';
  throw new SlimError(
    `${problems.join('; ')}; ${sizes}let these layers keep all their units (--fix '${names}') and the others still shrink, ` +
      'or rewrite that part with operators that the trace knows',
  );
}
