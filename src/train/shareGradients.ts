import type { Collective } from './collective.ts';
import { addRows } from './lookupTable.ts';
import type { WeightMemory } from './memory.ts';
import type { CompiledStep } from './step.ts';
import type { LookedUpRows } from './update.ts';

/** What an update follows. */
export interface SharedGradients {
  /** Rows of embeddings whose gradient is not in the memory yet. */
  readonly rows: readonly LookedUpRows[];
  /** The gradient in memory times this is that of the loss which is followed. */
  readonly gradientScale: number;
}

/**
 * Sums the gradients of all processes. A loss that is the mean over a batch's items is weighted by the process's `own`
 * items among `all`; one that is their sum is averaged over the processes, whose batches are of one size. With several
 * processes the rows that were looked up are part of their tables' gradients afterwards.
 */
export async function shareGradients(
  { plan, lookups }: CompiledStep,
  { byName, gradients }: WeightMemory,
  items: { readonly own: number; readonly all: number },
  collective: Collective,
): Promise<SharedGradients> {
  const { reduction, gradientScale } = plan;
  if (collective.ranks === 1) return { rows: lookups, gradientScale };
  for (const { table, indices, gradient } of lookups) addRows(byName.get(table)!.gradient.data, indices, gradient);
  const weight = reduction === 'mean' ? items.own / items.all : 1;
  if (weight !== 1) for (let i = 0; i < gradients.length; i++) gradients[i]! *= weight;
  await collective.sum(gradients);
  return { rows: [], gradientScale: reduction === 'mean' ? gradientScale : gradientScale / collective.ranks };
}
