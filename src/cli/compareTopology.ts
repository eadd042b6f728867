import { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { compareTopologies, type TopologyComparison } from '../topology/compare.ts';
import { loadToCompare } from '../topology/load.ts';
import { addExamples } from './helpTexts.ts';
import { print, table } from './output.ts';

/** `slimrnn compare-topology runs/a runs/b` */
export const command = new Command('compare-topology')
  .description(
    'Pairs the units of sparse models so that they share as many connections as they can, and says which part of the ' +
      'connections they do not share: 0 for the same network, whatever the order of its units, 1 for networks that have ' +
      'nothing in common.',
  )
  .argument('<models...>', 'ONNX files, run directories, or folders with runs in them')
  .option('--epochs', 'compare the models that the runs kept of each epoch (train --keep-models)')
  .action(async (paths: string[], { epochs }: { epochs?: boolean }) => {
    const models = await loadToCompare(paths, { epochs });
    if (models.length < 2) throw new UsageError('there is one model: name another one to compare it with');
    const comparison = compareTopologies(models);
    print(comparison, () => comparisonText(comparison));
  });
addExamples(command, ['compare-topology runs/set-1 runs/set-2', 'compare-topology runs/set-1 --epochs']);

function comparisonText({ names, distances, pairs }: TopologyComparison): string {
  const numbers = names.map((_, i) => String(i + 1));
  const all = table(
    ['model', ...numbers],
    names.map((name, i) => [`${numbers[i]} ${name}`, ...distances[i]!.map(inDecimals)]),
  );
  const [pair] = pairs;
  if (pair === undefined || pairs.length > 1) return all;
  const layers = table(
    ['layer', 'distance', 'units as numbered', 'by chance'],
    pair.layers.map(({ name, distance, unpaired, byChance }) => [
      name,
      ...[distance, unpaired, byChance].map(inDecimals),
    ]),
  );
  return `${all}\n\n${layers}`;
}

function inDecimals(distance: number): string {
  return distance.toFixed(3);
}
