import type { Groups, Role } from './groups.ts';

/** The part of a tensor that belongs to a component: these indices of one of its axes. */
export interface GroupMember {
  readonly tensor: string;
  readonly axis: number;
  readonly indices: readonly number[];
  readonly role: Role;
}

/** Everything that goes with a component. */
export interface GroupSummary {
  readonly component: number;
  /** The layers that have the component as a unit, and which of their units it is. */
  readonly units: readonly { readonly layer: string; readonly unit: number }[];
  /** ‖w_k‖ without biases. */
  readonly norm: number;
  readonly removable: boolean;
  readonly members: readonly GroupMember[];
}

/** What belongs to each component; `norms` and `live` as `groupNorms` and `liveComponents` give them. */
export function groupMembers(groups: Groups, norms: Float64Array, live: Uint8Array): GroupSummary[] {
  const units = Array.from({ length: groups.count }, (): { layer: string; unit: number }[] => []);
  for (const { name, components } of groups.layers) {
    for (const [unit, k] of components.entries()) if (k >= 0) units[k]!.push({ layer: name, unit });
  }
  const members = units.map((): GroupMember[] => []);
  for (const { tensor, axis, role, components } of groups.axes) {
    const indices = new Map<number, number[]>();
    for (const [index, k] of components.entries()) {
      if (k < 0) continue;
      const own = indices.get(k);
      if (own) own.push(index);
      else indices.set(k, [index]);
    }
    for (const [k, own] of indices) members[k]!.push({ tensor, axis, indices: own, role });
  }
  return units.map((where, component) => ({
    component,
    units: where,
    norm: norms[component]!,
    removable: live[component] === 0,
    members: members[component]!,
  }));
}
