import { SlimError } from '../errors.ts';
import { constantTensor, intAttribute, stringAttribute } from '../graph/attributes.ts';
import type { StatePair } from '../graph/states.ts';
import type { Graph, Node } from '../graph/types.ts';
import { isRecurrent, lowerRecurrent } from '../recurrent/lower.ts';
import { constantPerUse, storedTensors } from './constants.ts';
import type { AxisComponents, GroupLayer, Groups } from './groups.ts';
import { FIXED, type Identities } from './tracing/identities.ts';
import { idsAlong, type Traced } from './tracing/traced.ts';
import { type Trace, walk } from './tracing/walk.ts';

/** What the trace takes as given. */
export interface TraceOptions {
  /** Streaming states (`statesOf(model)`); other inputs and outputs of the graph keep their sizes. */
  readonly states?: readonly StatePair[];
  /** Lets the columns of embedding tables vanish too; the paper leaves them dense. */
  readonly embeddings?: boolean;
}

/**
 * Finds which index of which axis of which weight goes together, by following the data through the graph. Layers are
 * the recurrent nodes (each direction one), then the embeddings if asked for; a unit that cannot leave has component
 * -1. A bidirectional node keeps both directions in one tensor, so that unit k of either is one component. Constants
 * that several nodes use stand once per use, as `constantPerUse` names them. Throws a SlimError where units pass an
 * operator that the trace does not know.
 */
export function traceGroups(graph: Graph, options: TraceOptions = {}): Groups {
  const trace = traceGraph(graph, options.states ?? []);
  const { identities } = trace;
  const recurrent = graph.nodes.filter(isRecurrent).flatMap((node) => recurrentLayers(node, trace.values));
  stopAtObstacles(recurrent, identities);
  const layers = options.embeddings ? [...recurrent, ...embeddingLayers(graph, trace.values)] : recurrent;

  const numbers = new Map<number, number>();
  for (const id of layers.flatMap((l) => [...l.ids])) {
    const root = identities.find(id);
    if (root > FIXED && !numbers.has(root)) numbers.set(root, numbers.size);
  }
  const componentsOf = (ids: Int32Array) => ids.map((id) => numbers.get(identities.find(id)) ?? -1);
  const known = new Set([...storedTensors(constantPerUse(graph)).keys(), ...graph.inputs.map((v) => v.name)]);
  return {
    layers: layers.map(({ name, operator, ids }): GroupLayer => ({ name, operator, components: componentsOf(ids) })),
    count: numbers.size,
    axes: identities.stored
      .filter((a) => known.has(a.tensor))
      .map(({ tensor, axis, role, ids }): AxisComponents => {
        return { tensor, axis, role: role ?? 'bias', components: componentsOf(ids) };
      })
      .filter((a) => a.components.some((k) => k >= 0)),
  };
}

/** The trace that groups are read from, of the graph with its recurrent operators lowered. */
export function traceGraph(graph: Graph, states: readonly StatePair[]): Trace {
  return walk(lowerRecurrent(constantPerUse(graph)), states);
}

interface TracedLayer {
  readonly name: string;
  readonly operator: string;
  readonly ids: Int32Array;
}

/** The units of a recurrent node are the columns of R [D, GH, H]. */
function recurrentLayers(node: Node, values: ReadonlyMap<string, Traced>): TracedLayer[] {
  const recurrent = values.get(node.inputs[2]!);
  const ids = (recurrent && idsAlong(recurrent, 2)) ?? new Int32Array(intAttribute(node, 'hidden_size', 0));
  return directionNames(node).map((name) => ({ name, operator: node.op, ids }));
}

/** What the directions of a recurrent node are called: the node's name, with the direction if there are two. */
export function directionNames(node: Node): string[] {
  const name = nodeName(node);
  const both = stringAttribute(node, 'direction', 'forward') === 'bidirectional';
  return both ? [`${name} (forward)`, `${name} (reverse)`] : [name];
}

/** Lookups in a stored table [V, E]; its columns are the units. */
function embeddingLayers(graph: Graph, values: ReadonlyMap<string, Traced>): TracedLayer[] {
  const fixedIndices = new Set(graph.nodes.filter(constantTensor).map((n) => n.outputs[0]!));
  return graph.nodes.flatMap((node): TracedLayer[] => {
    const table = values.get(node.inputs[0] ?? '');
    const isLookup = node.op === 'Gather' && intAttribute(node, 'axis', 0) === 0;
    const known = fixedIndices.has(node.inputs[1]!) || graph.initializers.has(node.inputs[1]!);
    if (!isLookup || known || table?.kind !== 'weight' || table.axes.length !== 2) return [];
    return [{ name: nodeName(node), operator: node.op, ids: table.axes[1]!.ids }];
  });
}

function nodeName(node: Node): string {
  return node.name || (node.outputs.find((name) => name !== '') ?? node.op);
}

/** Units that meet an obstacle stop the trace; channels that are no units stay as they are. */
function stopAtObstacles(layers: readonly TracedLayer[], identities: Identities): void {
  for (const { node, reason, ids } of identities.obstacles) {
    const roots = new Set([...ids].map((id) => identities.find(id)).filter((root) => root > FIXED));
    const met = layers.filter((l) => l.ids.some((id) => roots.has(identities.find(id)))).map((l) => `'${l.name}'`);
    if (met.length > 0) {
      throw new SlimError(
        `cannot follow the units of ${met.join(', ')} through ${node}: ${reason}; ` +
          'rewrite that part with operators that the trace knows, or cut the model before it',
      );
    }
  }
  for (const { ids } of identities.obstacles) identities.fix(ids);
}
