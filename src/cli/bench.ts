import type { Command } from 'commander';
import { benchLatency, type Latency } from '../bench/latency.ts';
import { UsageError } from '../errors.ts';
import { loadModel } from '../onnx/file.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { describeModel } from '../slim/describe.ts';
import { grouped, note, print, table } from './output.ts';

interface BenchFlags {
  batch: number[];
  steps: number;
  rounds: number;
  threads?: number;
  size: Record<string, number>;
  json?: boolean;
}

/** `slimrnn bench a.onnx b.onnx` */
export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .summary('time models side by side')
    .description('Times models in turn on the same kind of inputs; the first is what the others are compared with.')
    .argument('<models...>', 'ONNX files')
    .option('--batch <list>', 'batch sizes', parseWholes('--batch'), [1, 10])
    .option('--steps <number>', 'time steps in one run', parseWhole('--steps'), 30)
    .option('--rounds <number>', 'turns of each model, of 5 timed runs each', parseWhole('--rounds'), 6)
    .option('--threads <number>', 'threads of the engine (default: one per core)', parseWhole('--threads'))
    .option('--size <name=number>', 'size of another free dimension; may be given several times', parseSize, {})
    .option('--json', 'print one JSON document on stdout')
    .action(benchCommand);
}

async function benchCommand(paths: string[], flags: BenchFlags): Promise<void> {
  const models = [];
  for (const path of paths) models.push({ name: path, model: await loadModel(path) });
  const { steps, rounds, threads, size: sizes } = flags;
  const results: { batch: number; steps: number; models: Latency[] }[] = [];
  for (const batch of flags.batch) {
    note(`batch ${batch} × ${steps} steps`);
    results.push({
      batch,
      steps,
      models: await benchLatency(models, { runtime: nodeRuntime, batch, steps, rounds, threads, sizes }),
    });
  }
  const multiplyAdds = models.map(({ model }) => describeModel(model).multiplyAdds);
  const document = {
    engine: nodeRuntime.name,
    threads: threads ?? null,
    rounds,
    models: paths.map((path, i) => ({ path, multiplyAdds: multiplyAdds[i]! })),
    results,
  };
  print(flags.json, document, () => {
    const head = ['model', 'multiply-adds', ...results.flatMap((r) => [`batch ${r.batch}`, 'speedup'])];
    const rows = paths.map((path, i) => [
      path,
      grouped(multiplyAdds[i]!),
      ...results.flatMap((r) => {
        const m = r.models[i]!;
        return [`${m.milliseconds.median.toFixed(2)} ms`, `${m.speedup.toFixed(2)}×`];
      }),
    ]);
    return `${table(head, rows)}\n\nmedians over ${rounds} turns of runs of ${steps} steps, models in turn`;
  });
}

function parseWhole(flag: string) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1)
      throw new UsageError(`${flag} takes a positive whole number, got '${text}'`);
    return value;
  };
}

function parseWholes(flag: string) {
  return (text: string): number[] => text.split(',').map(parseWhole(flag));
}

function parseSize(text: string, before: Record<string, number>): Record<string, number> {
  const [name, value] = text.split('=');
  if (!name || value === undefined) throw new UsageError(`--size takes name=number, got '${text}'`);
  return { ...before, [name]: parseWhole('--size')(value) };
}
