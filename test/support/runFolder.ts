import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * For tests: run directories made by hand, without training.
 */

/** A line of metrics.jsonl. */
export function epochRow(epoch: number, more: object = {}): object {
  return {
    epoch,
    learningRate: 1,
    trainPerplexity: 200 / epoch,
    validPerplexity: 150 / epoch,
    units: [8, 8],
    alive: [8 - Math.min(epoch, 6), 8],
    parameters: 1000,
    penalty: 1,
    seconds: 2,
    tokensPerSecond: 5000,
    groupNorms: [
      { zeros: 1, from: -3, counts: [1, 2] },
      { zeros: 0, from: -3, counts: [8] },
    ],
    ...more,
  };
}

/** Lines of metrics.jsonl for epochs 1 to n. */
export function epochLines(epochs: number): string {
  return Array.from({ length: epochs }, (_, i) => `${JSON.stringify(epochRow(i + 1))}\n`).join('');
}

/** Makes a run directory with so many epochs; a result makes it a finished one. */
export function makeRun(folder: string, { epochs = 2, finished = false } = {}): void {
  mkdirSync(folder, { recursive: true });
  const config = { hidden: [8, 8], iss: 0.01, threshold: 1e-4, epochs: 9, seed: 1, data: null, init: null };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'metrics.jsonl'), epochLines(epochs));
  if (!finished) return;
  const model = { file: 'slim.onnx', bytes: 4, hidden: [2, 8], parameters: 900, multiplyAdds: 700 };
  const result = {
    models: [{ name: 'slim', ...model, validPerplexity: 75, testPerplexity: 80 }],
    seconds: 4,
    verify: { maxAbsDifference: 0, maxRelativeDifference: 0, batches: 5 },
  };
  writeFileSync(join(folder, 'result.json'), JSON.stringify(result));
  writeFileSync(join(folder, 'slim.onnx'), 'onnx');
  writeFileSync(join(folder, 'vocabulary.txt'), 'a\nb\n');
}

/** A live.json as a training writes it. */
export function liveDocument(more: object = {}): string {
  const metric = { name: 'perplexity', value: 99.5 };
  const at = { epoch: 3, epochs: 9, share: 0.25, metric, speed: 5000, secondsLeft: 60 };
  return JSON.stringify({ ...at, units: [8, 8], alive: [5, 8], updatedAt: Date.now(), ...more });
}
