import { create } from '@bufbuild/protobuf';
import { BINS_PER_DECADE, binStart, type LogHistogram } from '../groups/logHistogram.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import { type Summary, SummarySchema } from './events_pb.ts';

/**
 * What TensorBoard shows of an epoch; the part of a tag before the slash groups figures on the page. `items` is what is
 * counted ('tokens'), `layerNames` are from the bottom, else `layer_1` ….
 */
export function summaryOf(row: EpochMetrics, items: string, layerNames: readonly string[] = []): Summary {
  const { valid = {}, train, groupNorms = [] } = row;
  const ofLayers = (tag: string, values: readonly number[]) =>
    values.map((value, i) => ({ tag: `${tag}/${nameOf(i)}`, value }));
  const nameOf = (layer: number) => layerNames[layer] ?? `layer_${layer + 1}`;
  const zeros = groupNorms.map((norms) => norms.zeros);
  const scalars = [
    ...[...new Set([...Object.keys(valid), ...Object.keys(train)])].flatMap((name) => [
      { tag: `${name}/valid`, value: valid[name] },
      { tag: `${name}/train`, value: train[name] },
    ]),
    { tag: 'penalty', value: row.penalty },
    { tag: 'learning_rate', value: row.learningRate },
    { tag: 'parameters', value: row.parameters },
    { tag: `speed/${items}_per_second`, value: row.itemsPerSecond },
    { tag: 'speed/seconds_per_epoch', value: row.seconds },
    ...ofLayers('units', row.units),
    ...ofLayers('units_alive', row.alive),
    ...ofLayers('group_norms_zero', zeros),
  ];
  return create(SummarySchema, {
    value: [
      ...scalars.flatMap(({ tag, value }) => {
        // As it is stored, so that it equals what is read back.
        return value === undefined ? [] : { tag, value: { case: 'simpleValue' as const, value: Math.fround(value) } };
      }),
      ...groupNorms.flatMap((norms, layer) => {
        const value = { case: 'histo' as const, value: histogramOf(norms) };
        return norms.counts.length === 0 ? [] : { tag: `group_norms/${nameOf(layer)}`, value };
      }),
    ],
  });
}

/** The bins between the outer ones that are not zero; sums take each value for the middle of its bin. */
function histogramOf({ from, counts }: LogHistogram) {
  const sums = { num: 0, sum: 0, sumSquares: 0 };
  counts.forEach((count, i) => {
    const middle = 10 ** ((from + i + 0.5) / BINS_PER_DECADE);
    sums.num += count;
    sums.sum += count * middle;
    sums.sumSquares += count * middle ** 2;
  });
  return {
    ...sums,
    min: binStart(from),
    max: binStart(from + counts.length),
    bucketLimit: counts.map((_, i) => binStart(from + i + 1)),
    bucket: [...counts],
  };
}
