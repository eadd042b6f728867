import { basename } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { benchLatency } from '../bench/latency.ts';
import { describeModel } from '../inspect/describe.ts';
import { loadModel } from '../onnx/file.ts';
import { type DeviceName, deviceNames, devices, parseDevice } from '../runtime/devices.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type BenchEntry, type BenchModel, benchText, threadsOf } from './benchDisplay.ts';
import { whole } from './flags.ts';
import { note, print } from './output.ts';

interface BenchFlags {
  batch: number[];
  steps: number;
  rounds: number;
  threads?: number;
  runtime: DeviceName[];
  size: Record<string, number>;
  json?: boolean;
}

/** `slimrnn bench a.onnx b.onnx` */
export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .summary('time models side by side')
    .description(
      'Times models in turn on the same kind of inputs; the first is what the others are compared with. Free dimensions ' +
        'are batch or time by their names or by where recurrent operators read them; give the sizes of others.',
    )
    .argument('<models...>', 'ONNX files')
    .option('--runtime <list>', `devices: ${devicesInWords()}`, parseDevices, ['cpu'])
    .option('--batch <list>', 'batch sizes', parseWholes('--batch'), [1, 10])
    .option('--steps <number>', 'time steps in one run', whole('--steps'), 30)
    .option('--rounds <number>', 'turns of each model, of 5 timed runs each', whole('--rounds'), 6)
    .option(
      '--threads <number>',
      'threads of each engine (default: one per core; wasm: half, at most 4)',
      whole('--threads'),
    )
    .option('--size <name=number>', 'size of a free dimension; may be given several times', parseSize, {})
    .option('--json', 'print one JSON document on stdout')
    .action(benchCommand);
}

async function benchCommand(paths: string[], flags: BenchFlags): Promise<void> {
  const runtimes: [DeviceName, Runtime][] = [];
  for (const name of flags.runtime) runtimes.push([name, await devices[name].load()]);
  const contestants = [];
  for (const path of paths) contestants.push({ name: path, model: await loadModel(path) });
  const models = describe(
    paths,
    contestants.map(({ model }) => describeModel(model).multiplyAdds),
  );
  const { steps, rounds, size: sizes } = flags;
  const results: { batch: number; steps: number; models: BenchEntry[] }[] = [];
  for (const batch of flags.batch) {
    const entries: BenchEntry[] = [];
    for (const [name, runtime] of runtimes) {
      note(`${runtime.name}, batch ${batch} × ${steps} steps`);
      const threads = flags.threads ?? devices[name].threads;
      const timed = await benchLatency(contestants, { runtime, batch, steps, rounds, threads, sizes });
      entries.push(...timed.map((latency, i) => ({ ...latency, ...models[i]!, runtime: name })));
    }
    results.push({ batch, steps, models: entries });
  }
  const document = {
    engines: Object.fromEntries(runtimes.map(([name, runtime]) => [name, runtime.name])),
    threads: flags.threads ?? null,
    rounds,
    models,
    results,
  };
  print(flags.json, document, () =>
    [
      ...results.flatMap(({ batch, models: entries }) =>
        runtimes.map(([name, { name: engine }]) => {
          const own = entries.filter((entry) => entry.runtime === name);
          return benchText(`${engine}, ${threadsOf(own[0]!)}, batch ${batch} × ${steps} steps`, own);
        }),
      ),
      `medians and 90th percentiles of ${rounds} × 5 runs, models in turn; multiply-adds per step; fewer and ` +
        'faster: against the first model',
    ].join('\n\n'),
  );
}

/** Models named by their files, by whole paths where two files have one name. */
function describe(paths: readonly string[], multiplyAdds: readonly number[]): BenchModel[] {
  const names = paths.map((path) => basename(path));
  const unique = new Set(names).size === names.length;
  return paths.map((path, i) => ({
    name: unique ? names[i]! : path,
    file: path,
    path,
    multiplyAdds: multiplyAdds[i]!,
    multiplyAddRatio: multiplyAdds[i]! > 0 ? multiplyAdds[0]! / multiplyAdds[i]! : null,
  }));
}

function parseDevices(text: string): DeviceName[] {
  return [...new Set(text.split(',').map((name) => parseDevice(name.trim())))];
}

function devicesInWords(): string {
  return deviceNames.map((name) => `${name} (${devices[name].about})`).join(', ');
}

function parseWholes(flag: string) {
  return (text: string): number[] => text.split(',').map(whole(flag));
}

function parseSize(text: string, before: Record<string, number>): Record<string, number> {
  const [name, value] = text.split('=');
  if (!name || value === undefined) throw new UsageError(`--size takes name=number, got '${text}'`);
  return { ...before, [name]: whole('--size')(value) };
}
