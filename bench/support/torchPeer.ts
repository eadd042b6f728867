import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../../src/base/packageFile.ts';
import { note } from '../../src/cli/output.ts';
import type { StepSpeedOptions } from './stepSpeed.ts';

/** What the peer prints. */
export interface TorchResult {
  readonly torch: string;
  readonly stepMs: { readonly median: number };
  readonly stepMsNoEmbedding: { readonly median: number };
}

/** What the peer with group lasso prints. */
export interface TorchIssResult {
  readonly torch: string;
  readonly threads: number;
  /** Whether torch.compile worked, by precision. */
  readonly compiled: Readonly<Record<string, boolean>>;
  readonly float32Ms: { readonly median: number };
  /** Null where the processor has no such LSTM. */
  readonly bfloat16Ms: { readonly median: number } | null;
}

/** Steps that are timed. */
const REPEATS = 15;

/**
 * Times PyTorch's training step of the same sizes in a process of its own; undefined, with a message on stderr, where
 * that Python or its torch is absent.
 */
export function benchTorch(
  python: string,
  sizes: Omit<StepSpeedOptions, 'runtime' | 'rounds'>,
): TorchResult | undefined {
  const { hidden, vocabulary, batch, steps, threads = cpus().length } = sizes;
  return runTorch(python, 'torch_lstm.py', {
    ...{ hidden, vocab: vocabulary, batch, steps, layers: 2, threads },
    repeats: REPEATS,
  });
}

/** The sizes and settings of a step with group lasso. */
export interface IssStep {
  readonly hidden: readonly number[];
  readonly vocabulary: number;
  readonly batch: number;
  readonly steps: number;
  readonly keep: number;
  readonly clip: number;
  readonly threshold: number;
  readonly threads: number;
}

/** Times PyTorch's training step with group lasso, clipping and threshold in float32 and bf16, as `benchTorch` does. */
export function benchTorchIss(python: string, { vocabulary, ...step }: IssStep): TorchIssResult | undefined {
  return runTorch(python, 'torch_iss.py', { ...step, vocab: vocabulary, repeats: REPEATS });
}

type Argument = number | readonly number[];

function runTorch<Result>(
  python: string,
  script: string,
  args: Readonly<Record<string, Argument>>,
): Result | undefined {
  const flags = Object.entries(args).flatMap(([name, value]) => [`--${name}`, ...[value].flat().map(String)]);
  const path = fileURLToPath(packageFile(`bench/peers/${script}`));
  const { status, stdout, stderr, error } = spawnSync(python, [path, ...flags], { encoding: 'utf8' });
  if (status !== 0) {
    const why = error?.message ?? stderr.trim().split('\n').pop() ?? 'unknown';
    note(`PyTorch is skipped (${why}); install it with \`pip install torch numpy\` and name it with --python`);
    return undefined;
  }
  return JSON.parse(stdout.trim().split('\n').pop()!) as Result;
}
