import { interleave, median, type Spread, spread } from '../../src/bench/statistics.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { gemmWork } from './gemm.ts';
import { stepConfig, trainingSteps } from './trainingStep.ts';

/** Sizes of the steps that are timed, and how often: the presets' but for the hidden size. */
export interface StepSpeedOptions {
  readonly runtime: Runtime;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly batch: number;
  readonly steps: number;
  readonly threads?: number | undefined;
  readonly rounds: number;
}

/** Speed of a whole training step: forward, backward, penalty, clipping, update and threshold. */
export interface StepSpeed {
  readonly hidden: number;
  readonly milliseconds: Spread;
  /** Billions of floating-point operations per second: 6 per weight and token, the embedding's lookup not counted. */
  readonly gflops: number;
  /** The best of several large products in the same process, in turn with the step. */
  readonly bestGemmGflops: number;
  /** gflops / bestGemmGflops */
  readonly ofBestGemm: number;
  /** Share of the step that penalty, clipping, update and threshold take: the median over steps. */
  readonly updateShare: number;
  readonly residentMegabytes: number;
}

/** Shapes that a good GEMM is fastest at on most machines, and those of the steps themselves. */
const gemmShapes: readonly (readonly [number, number, number])[] = [
  [2048, 2048, 2048],
  [700, 1500, 6000],
  [1500, 700, 6000],
];

/** Times ISS training steps of the two-layer language model beside the machine's best GEMM, in one process. */
export async function benchStep(options: StepSpeedOptions): Promise<StepSpeed> {
  const { runtime, hidden, vocabulary, batch, steps, threads, rounds } = options;
  const sizes = { hidden: [hidden, hidden], embedding: hidden, batch, steps };
  const config = stepConfig('iss-large', { keep: 1, ...sizes });
  const training = await trainingSteps(config, vocabulary, { runtime, threads });
  const gemms = await Promise.all(gemmShapes.map((shape) => gemmWork(runtime, shape, threads)));
  const updateShares: number[] = [];
  const step = async () => {
    const { whole, update } = await training.step();
    updateShares.push(update / whole);
  };
  const [times, ...gemmTimes] = await interleave([step, ...gemms.map((g) => g.run)], { rounds, burst: 3, leadIn: 500 });
  const residentMegabytes = process.memoryUsage().rss / 1e6;
  await training.release();
  for (const g of gemms) await g.release();
  const weights = 2 * 8 * hidden * hidden + hidden * vocabulary;
  const gflops = (6 * weights * batch * steps) / median(times!) / 1e6;
  const bestGemmGflops = Math.max(...gemms.map((g, i) => g.flops / median(gemmTimes[i]!) / 1e6));
  return {
    hidden,
    milliseconds: spread(times!),
    gflops,
    bestGemmGflops,
    ofBestGemm: gflops / bestGemmGflops,
    updateShare: median(updateShares),
    residentMegabytes,
  };
}
