import { Option } from 'commander';
import { whole } from '../src/cli/flags.ts';
import { note, table } from '../src/cli/output.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { benchPaperSizes } from './support/paperSizes.ts';
import { listOption, wholeOption } from './support/program.ts';
import { runScript } from './support/script.ts';
import { benchStep, type StepSpeed } from './support/stepSpeed.ts';
import { benchTorch, type TorchResult } from './support/torchPeer.ts';

interface Flags {
  readonly hidden: readonly number[];
  readonly threads?: number;
  readonly rounds: number;
  readonly python: string;
  readonly skipTraining?: boolean;
  readonly skipLatency?: boolean;
}

/** Our step at one size, PyTorch's beside it, and how many times faster ours is. */
interface Step {
  readonly ours: StepSpeed;
  readonly peer: TorchResult | undefined;
  readonly faster: number | undefined;
}

await runScript<Flags>({
  name: 'bench',
  about:
    'The speed of a training step beside the best GEMM and beside PyTorch, and of the models of the paper, side by side ' +
    "in one run. PyTorch's step is timed right after ours at the same size.",
  options: [
    listOption('--hidden', 'hidden sizes of the training steps', whole('--hidden'), [200, 650, 1500]),
    wholeOption('--threads', 'threads of each engine (default: one per core)'),
    wholeOption('--rounds', 'turns of each', 6),
    new Option('--python <file>', 'a Python that has torch').default(process.env.SLIMRNN_PYTHON ?? 'python3'),
    new Option('--skip-training', 'no training steps'),
    new Option('--skip-latency', 'no latencies'),
  ],
  paths: ({ python }) => ({ [python]: 'PYTHON' }),
  async measure(flags) {
    const { threads, rounds } = flags;
    const training = flags.skipTraining ? [] : await benchTraining(flags);
    if (!flags.skipLatency) note('latency, (1500, 1500) against (373, 315)');
    const paper = flags.skipLatency ? undefined : await benchPaperSizes({ runtime: nodeRuntime, threads, rounds });
    return {
      figures: {
        ...{ engine: nodeRuntime.name, threads: threads ?? 'one per core', training },
        latency: paper?.latency ?? [],
      },
      text: () => [...(training.length > 0 ? [stepTable(training)] : []), ...(paper ? [paper.text] : [])].join('\n\n'),
    };
  },
});

async function benchTraining({ hidden: sizes, python, threads, rounds }: Flags): Promise<Step[]> {
  const steps: Step[] = [];
  for (const hidden of sizes) {
    const shape = { hidden, vocabulary: 10_000, batch: 20, steps: 35, threads };
    note(
      `training step, two layers of ${hidden}, ${shape.vocabulary} words, batch ${shape.batch}, ${shape.steps} steps`,
    );
    const ours = await benchStep({ runtime: nodeRuntime, rounds, ...shape });
    const peer = benchTorch(python, shape);
    steps.push({ ours, peer, faster: peer && peer.stepMs.median / ours.milliseconds.median });
  }
  return steps;
}

function stepTable(steps: readonly Step[]): string {
  const rows = steps.map(({ ours, peer, faster }) => [
    `H ${ours.hidden}`,
    `${ours.milliseconds.median.toFixed(1)} ms`,
    ours.gflops.toFixed(0),
    ours.bestGemmGflops.toFixed(0),
    percent(ours.ofBestGemm),
    percent(ours.updateShare),
    `${ours.residentMegabytes.toFixed(0)} MB`,
    peer ? `${peer.stepMs.median.toFixed(1)} ms` : '–',
    faster ? `${faster.toFixed(2)}×` : '–',
  ]);
  const head = ['training step', 'median', 'GFLOP/s', 'best GEMM', 'of it', 'update', 'resident', 'PyTorch', 'faster'];
  return table(head, rows);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
