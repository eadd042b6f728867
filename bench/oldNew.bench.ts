import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import { UsageError } from '../src/base/errors.ts';
import { note, table } from '../src/cli/output.ts';
import { presets } from '../src/tasks/registry.ts';
import {
  type BuildName,
  buildIn,
  type ClockComparison,
  compareBuilds,
  type PresetComparison,
} from './support/buildSpeed.ts';
import { listOption, wholeOption } from './support/program.ts';
import { runScript } from './support/script.ts';

interface Flags {
  readonly old: string;
  readonly new: string;
  readonly presets: readonly string[];
  readonly updates: number;
  readonly rounds: number;
  readonly threads: number;
}

await runScript<Flags>({
  name: 'bench:compare',
  about:
    'The training step of two builds of slimrnn side by side in one run: both train the same presets on the same text by ' +
    'their command lines, some updates in turn. A ratio above 1 means that the new one is faster.',
  options: [
    new Option('--old <dist>', 'build to compare with: its dist folder').argParser(buildIn).makeOptionMandatory(),
    new Option('--new <dist>', 'build to judge').argParser(buildIn).default('dist'),
    listOption('--presets', 'presets', parsePreset, ['zaremba-small', 'iss-small', 'zaremba-medium']),
    wholeOption('--rounds', 'turns of each build', 20),
    wholeOption('--updates', 'timed updates in a turn', 5),
    wholeOption('--threads', 'threads of the engine', 1),
  ],
  paths: ({ old, new: current }) => ({ [old]: 'OLD', [current]: 'NEW' }),
  async measure({ old, new: current, presets: names, updates, rounds, threads }) {
    const folder = mkdtempSync(join(tmpdir(), 'slimrnn-bench-compare-'));
    const builds: Readonly<Record<BuildName, string>> = { old, new: current };
    const found: PresetComparison[] = [];
    try {
      for (const preset of names) {
        note(`${preset}: ${rounds} turns of ${updates} updates each`);
        found.push(await compareBuilds({ builds, preset, updates, rounds, threads, folder }));
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return { figures: { threads, updates, rounds, presets: found }, text: () => comparisonTable(found) };
  },
});

function comparisonTable(found: readonly PresetComparison[]): string {
  const cells = ({ milliseconds, ratio }: ClockComparison) => [
    `${milliseconds.old.median.toFixed(1)} ms`,
    `${milliseconds.new.median.toFixed(1)} ms`,
    ratio.toFixed(3),
  ];
  const rows = found.map(({ preset, wall, cpu }) => [preset, ...cells(wall), ...cells(cpu)]);
  return table(['preset', 'old step', 'new step', 'old / new', 'old CPU', 'new CPU', 'old / new'], rows);
}

function parsePreset(name: string): string {
  if (Object.hasOwn(presets, name)) return name;
  throw new UsageError(`--presets: there is no preset '${name}'; there are: ${Object.keys(presets).join(', ')}`);
}
