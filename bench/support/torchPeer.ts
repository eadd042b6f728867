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
  const asked = {
    ...{ hidden, vocab: vocabulary, batch, steps, layers: 2, threads },
    repeats: REPEATS,
  };
  const flags = Object.entries(asked).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const script = fileURLToPath(packageFile('bench/peers/torch_lstm.py'));
  const { status, stdout, stderr, error } = spawnSync(python, [script, ...flags], { encoding: 'utf8' });
  if (status !== 0) {
    const why = error?.message ?? stderr.trim().split('\n').pop() ?? 'unknown';
    note(`PyTorch is skipped (${why}); install it with \`pip install torch numpy\` and name it with --python`);
    return undefined;
  }
  return JSON.parse(stdout.trim().split('\n').pop()!) as TorchResult;
}
