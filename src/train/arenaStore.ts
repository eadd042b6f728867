import { fileSize } from '../base/format.ts';
import { Recent } from '../base/recent.ts';
import { LOSS, shapeKey } from '../tasks/task.ts';
import { trainingGraph } from './compile.ts';
import { runsOfMasks } from './rankMasks.ts';
import { type CompiledStep, compileStep, MOST_SHAPES, runStep, shareGradients, skipStep } from './step.ts';
import { batchSums, sharedSums } from './sums.ts';
import { updateWeights } from './update.ts';
import { nothingLearned, type StoredTraining, type WeightStore } from './weightStore.ts';

/**
 * Weights in the machine's memory: sessions of all batch shapes read them there and write gradients beside them, and kernels
 * update them. On an engine with a memory of its own every step moves all of them there and back.
 */
export function arenaStore(training: StoredTraining): WeightStore {
  const { setup, structure, names, method, optimizer, memory, carried } = training;
  const { problem, runtime, settings, collective } = setup;
  const { seed, clip = Number.POSITIVE_INFINITY, threads } = settings;
  const { rank, ranks } = collective;
  const steps = new Recent<CompiledStep>(MOST_SHAPES, ({ session }) => session.release());
  const stepFor: (...args: Parameters<WeightStore['prepare']>) => Promise<CompiledStep> = (batches, index, plan) => {
    const shape = batches.shapeOf(index);
    return steps.get(shapeKey(shape), () => {
      const graph = plan ?? trainingGraph(structure, problem, names, shape);
      const runs = ranks === 1 ? undefined : runsOfMasks(structure, { problem, trained: names }, shape);
      return compileStep(graph, memory, batches.feeds(shape), carried, { runtime, threads, runs });
    });
  };
  return {
    prepare: async (batches, index, plan) => (await stepFor(batches, index, plan)).unfed,
    async step(batches, index, at) {
      const step = await stepFor(batches, index);
      const count = batches.fill(index, step.batch);
      if (count === 0 && ranks === 1) return nothingLearned();
      if (count > 0) await runStep(step, memory, { seed, rank, ranks, update: at.update });
      else skipStep(step);
      const ran = performance.now();
      const sums = await sharedSums(batchSums(step.plan, step.fetches, count, { batches, index }), collective);
      if (sums.count === 0) return nothingLearned();
      const loss = sums.totals[LOSS]![0]! / sums.count;
      const { rows, gradientScale } = await shareGradients(step, memory, { own: count, all: sums.count }, collective);
      const done = updateWeights(memory, rows, loss, { ...at, clip, gradientScale, method, optimizer });
      return { ...done, sums, loss, updateTime: performance.now() - ran };
    },
    readBack: async () => undefined,
    changed: () => undefined,
    statesChanged: () => undefined,
    async notes() {
      if (!runtime.movesTensors) return [];
      const bytes = memory.parameters.reduce((sum, { rows, cols }) => sum + 8 * rows * cols, 0);
      const what = [method?.name, optimizer.name].filter(Boolean).join(' and ');
      const why = runtime.deviceMemory
        ? `with ${what} weights cannot stay on it`
        : 'the engine leaves no weights on it';
      return [`each step moves ${fileSize(bytes)} of weights and gradients to the device and back: ${why}`];
    },
    release: () => steps.clear(),
  };
}
