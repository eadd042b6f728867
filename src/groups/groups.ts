/*
 * Groups are data, which penalty, threshold, count of units alive, shrink and report all read. A component is what
 * vanishes together, usually one hidden unit; its group is every weight that exists only because of it.
 */

/** How a tensor's axis takes part: it is made by components, read from them, or belongs to them without being in norms. */
export type Role = 'produces' | 'reads' | 'bias';

/** Which component each index of one axis of one tensor belongs to. */
export interface AxisComponents {
  /** An initializer, the output of a `Constant` node, or a graph input (a streaming state). */
  readonly tensor: string;
  readonly axis: number;
  readonly role: Role;
  /** One entry per index: the component's number, or -1 for an index that always stays. */
  readonly components: Int32Array;
}

/** A layer whose units can vanish. */
export interface GroupLayer {
  /** Name of the node in the model; a bidirectional layer is two entries, `name (forward)` and `name (reverse)`. */
  readonly name: string;
  readonly operator: string;
  /** The component of each unit, in order; -1 for one that cannot leave. */
  readonly components: Int32Array;
  /** Why units of this layer have no component, where an operator is the cause that the trace cannot follow. */
  readonly blocked?: string | undefined;
  /** What keeps units that have no component: the operators and outputs where that showed, most units first. */
  readonly keptBy?: readonly { readonly cause: string; readonly units: number }[] | undefined;
}

/** All components of a model and where their weights are. */
export interface Groups {
  readonly layers: readonly GroupLayer[];
  /** Components are numbered from 0 to count − 1. */
  readonly count: number;
  readonly axes: readonly AxisComponents[];
  /** Components that no weights let leave without loss, and the operator (LayerNormalization) that mixes them. */
  readonly entangled: ReadonlyMap<number, string>;
}

/** Names of the tensors that carry weights of some component; biases belong to units but not to their norms. */
export function groupedTensors(groups: Groups): Set<string> {
  return new Set(groups.axes.filter((a) => a.role !== 'bias').map((a) => a.tensor));
}
