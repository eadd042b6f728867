import type { RunRecord } from './record.ts';

/**
 * Names of the layers of a run: as its result has them and, before there is one, as the models that are made here call
 * their layers (`lstm_0` from the bottom, in two directions `lstm_0_forward`); by number where neither is known.
 */
export function layerNames({ result, config, epochs }: Pick<RunRecord, 'result' | 'config' | 'epochs'>): string[] {
  const count = epochs[0]?.units.length ?? result?.layers?.length ?? 0;
  if (result?.layers?.length === count) return result.layers.map(({ name }) => name);
  const made = config ? madeNames(config) : [];
  return made.length === count ? made : Array.from({ length: count }, (_, i) => `layer ${i + 1}`);
}

/** Tasks whose models call their layers after their cells. */
const NAMED_BY_CELL: readonly string[] = ['language-model', 'text-classification'];

function madeNames({ task, model }: NonNullable<RunRecord['config']>): string[] {
  const { kind, hidden = [] } = model;
  if (!NAMED_BY_CELL.includes(task.kind) || kind === 'onnx') return [];
  if (kind === 'rhn') return [kind];
  const directions = model.bidirectional === true ? ['_forward', '_reverse'] : [''];
  return hidden.flatMap((_, i) => directions.map((direction) => `${kind}_${i}${direction}`));
}
