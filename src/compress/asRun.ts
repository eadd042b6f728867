import { join } from 'node:path';
import { environment } from '../base/environment.ts';
import { writeAtomically } from '../base/files.ts';
import type { RunConfig } from '../config/runConfig.ts';
import type { Model } from '../graph/types.ts';
import { splitParameters } from '../inspect/costs.ts';
import { describeModel } from '../inspect/describe.ts';
import { loadModel } from '../onnx/file.ts';
import { type ResultModel, RUN_FORMAT } from '../runs/record.ts';
import { type RunResult, readResult } from '../runs/result.ts';
import { saveConfig, savedConfig } from '../runs/run.ts';
import { runFiles, writeJson } from '../runs/runDirectory.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { LoadedTask, Sources } from '../tasks/task.ts';
import { type CompressResult, compressFiles } from './record.ts';

/** What a compression was, for those who read runs. */
export interface CompressedRun {
  readonly result: CompressResult;
  readonly config: RunConfig;
  readonly task: LoadedTask;
  readonly sources: Sources;
  readonly runtime: Runtime;
  /** Directories of the runs that led to the result, in order. */
  readonly runs: readonly string[];
}

/**
 * Writes into a compression's folder what a run directory has, so that reports, the dashboard and sweeps' tables show it
 * like a run: from the original to the result, over the epochs of all stages that led to it.
 */
export async function writeAsRun({ result, config, task, sources, runtime, runs }: CompressedRun): Promise<void> {
  const { directory, original, chosen } = result;
  const stages: RunResult[] = [];
  for (const run of runs) stages.push(await readResult(run));
  const history = stages.flatMap((stage) => stage.history).map((metrics, i) => ({ ...metrics, epoch: i + 1 }));
  const whole = { ...config, epochs: history.length };
  const first = await loadModel(join(directory, compressFiles.original));
  const last = await loadModel(join(directory, compressFiles.model));
  const models = [
    resultModel('original', compressFiles.original, first, original),
    resultModel('compressed', compressFiles.model, last, { sizes: chosen.sizes, scores: chosen.trained }),
  ];
  await saveConfig(directory, whole, task, sources);
  await writeAtomically(join(directory, runFiles.metrics), history.map((m) => `${JSON.stringify(m)}\n`).join(''));
  const written: RunResult = {
    format: RUN_FORMAT,
    config: savedConfig(whole, task, sources),
    data: task.data,
    models,
    notes: stages.at(-1)?.notes ?? [],
    seconds: history.reduce((sum, epoch) => sum + epoch.seconds, 0),
    engine: runtime.name,
    environment: environment(),
    history,
    layers: describeModel(first).layers.map(({ name, units }) => ({ name, units })),
  };
  await writeJson(join(directory, runFiles.result), written);
}

function resultModel(
  name: string,
  file: string,
  model: Model,
  { sizes, scores }: Pick<CompressResult['original'], 'sizes' | 'scores'>,
): ResultModel {
  const { parameters, multiplyAdds, bytes, units } = sizes;
  const own = Object.entries(scores).filter((entry): entry is [string, number] => entry[1] !== null);
  const split = splitParameters(model.graph);
  return {
    name,
    file,
    bytes,
    hidden: [...units],
    parameters,
    split,
    multiplyAdds,
    scores: { valid: Object.fromEntries(own) },
  };
}
