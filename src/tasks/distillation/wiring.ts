import { SlimError, UsageError } from '../../base/errors.ts';
import type { Graph, Model } from '../../graph/types.ts';
import { hasSize } from '../../passes/given.ts';
import type { Examples } from '../arrays/examples.ts';
import type { DistillationFields } from './definition.ts';

/** A model with the fields that are meant for it. */
export interface Wired {
  readonly model: Model;
  readonly wiring: DistillationFields;
}

/** A model with what its inputs take from the arrays. */
export interface Placed extends Wired {
  readonly examples: Examples;
}

/**
 * The fields that are meant for one of two models, which may call inputs and states differently: names that it has, and,
 * for the one that is asked with its `partner`, those that neither has, so that they are refused. Where all the states
 * that are said are the partner's, its own are found as if nobody had said any.
 */
export function ownWiring(fields: DistillationFields, { graph }: Model, partner?: Model): DistillationFields {
  const isOwn = (has: (graph: Graph) => boolean) => has(graph) || (partner !== undefined && !has(partner.graph));
  const only = <T extends object>(
    entries: T | undefined,
    has: (entry: [string, T[keyof T]], graph: Graph) => boolean,
  ) =>
    entries &&
    (Object.fromEntries(
      Object.entries(entries).filter((entry) => isOwn((g) => has(entry as [string, T[keyof T]], g))),
    ) as T);
  const { input, set, size, zeros, state } = fields;
  const states = only(state, ([from, to], g) => hasInput(g, from) && g.outputs.some((o) => o.name === to));
  const isPartners = Object.keys(state ?? {}).length > 0 && Object.keys(states ?? {}).length === 0;
  return {
    ...fields,
    input: only(input, ([name], g) => hasInput(g, name)),
    set: only(set, ([name], g) => hasInput(g, name)),
    size: only(size, ([name], g) => hasSize(g, name)),
    zeros: zeros?.filter((name) => isOwn((g) => hasInput(g, name))),
    state: isPartners ? undefined : states,
  };
}

function hasInput({ inputs }: Graph, name: string): boolean {
  return inputs.some((v) => v.name === name);
}

/** Does what concerns the teacher; errors then say so. */
export function forTeacher<T>(act: () => T): T {
  try {
    return act();
  } catch (cause) {
    if (!(cause instanceof SlimError)) throw cause;
    const message = `as for the teacher: ${cause.message}`;
    throw cause instanceof UsageError ? new UsageError(message, { cause }) : new SlimError(message, { cause });
  }
}
