import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../../src/base/packageFile.ts';
import { randomFeeds } from '../../src/bench/latency.ts';
import { note, percent, table } from '../../src/cli/output.ts';
import { saveArrays } from '../../src/data/arrays.ts';
import { statesOf } from '../../src/graph/states.ts';
import type { Model } from '../../src/graph/types.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { quantizeModel } from '../../src/quantize/quantize.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { verifyEqual } from '../../src/verify/verify.ts';

/** A file in Python's onnxruntime: how far its outputs are from those of the model in float32. */
interface PeerModel {
  readonly name: string;
  readonly bytes: number;
  /** Relative differences, as `Difference` has them. */
  readonly mean: number;
  readonly largest: number;
  readonly milliseconds: number;
}

/** What onnxruntime's own quantization makes of a model, and ours beside it. */
export interface PeerResult {
  readonly onnxruntime: string;
  readonly threads: number;
  readonly models: readonly PeerModel[];
  /** The same differences of our files in the engine of Node, by the names of the files. */
  readonly inNode: Readonly<Record<string, { readonly mean: number; readonly largest: number }>>;
}

const OURS = { 'slimrnn, 7 bits': 7, 'slimrnn, 8 bits': 8 } as const;
const SHAPE = { batch: 10, steps: 30 };

/**
 * Compares a model in our int8 with what Python's `quantize_dynamic` makes of it, on the same inputs; undefined, with a
 * message on stderr, where that Python or its packages are absent.
 */
export async function comparePeer(python: string, model: Model): Promise<PeerResult | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'slimrnn-bench-'));
  try {
    const feeds = randomFeeds({ name: 'the model', model }, SHAPE);
    await saveArrays(join(folder, 'inputs.npz'), new Map(Object.entries(feeds)));
    await saveModel(join(folder, 'float32.onnx'), model);
    const inNode: Record<string, { mean: number; largest: number }> = {};
    for (const [name, bits] of Object.entries(OURS)) {
      const { model: quantized } = quantizeModel(model, { bits });
      await saveModel(join(folder, name), quantized);
      const { meanRelativeDifference: mean, maxRelativeDifference: largest } = await verifyEqual(
        nodeRuntime,
        model,
        quantized,
        { feeds: [feeds], states: statesOf(model) },
      );
      inNode[name] = { mean, largest };
    }
    const script = fileURLToPath(packageFile('bench/peers/quantize_dynamic.py'));
    const flags = ['--inputs', 'inputs.npz', '--json', '--ours', ...Object.keys(OURS)];
    const run = spawnSync(python, [script, 'float32.onnx', ...flags], { cwd: folder, encoding: 'utf8' });
    if (run.status !== 0) {
      const why = run.error?.message ?? run.stderr.trim().split('\n').pop() ?? 'unknown';
      note(`quantize_dynamic is skipped (${why}); \`pip install onnx onnxruntime numpy\` and name it with --python`);
      return undefined;
    }
    return { ...(JSON.parse(run.stdout.trim().split('\n').pop()!) as Omit<PeerResult, 'inNode'>), inNode };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same as a table. */
export function peerText({ onnxruntime, models }: PeerResult): string {
  const rows = models.map(({ name, bytes, mean, largest, milliseconds }) => [
    name,
    String(bytes),
    percent(mean),
    percent(largest),
    `${milliseconds.toFixed(2)} ms`,
  ]);
  return table([`Python, onnxruntime ${onnxruntime}`, 'bytes', 'mean difference', 'largest', 'latency'], rows);
}
