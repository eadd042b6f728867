import { SparseTensor } from '../graph/sparseTensor.ts';
import type { Model } from '../graph/types.ts';
import { epochModels } from '../runs/runDirectory.ts';
import { compareTopologies, type NamedModel } from '../topology/compare.ts';
import { loadToCompare, wordsBeside } from '../topology/load.ts';
import type { DistanceMap } from './data.ts';
import { inWords, type OnProblem } from './models.ts';

/** Models that are compared with each other, at most: a pair takes about a second. */
const MOST_COMPARED = 10;

/** A model of which only the weights that exist are stored, with its words for comparing it; undefined for a dense one. */
export async function sparseModel(directory: string, model: Model | undefined): Promise<SparseModel | undefined> {
  const isSparse = [...(model?.graph.initializers.values() ?? [])].some((tensor) => tensor instanceof SparseTensor);
  return isSparse ? { model: model!, words: await wordsBeside(directory) } : undefined;
}

/** A model to compare, without its name. */
export type SparseModel = Omit<NamedModel, 'name'>;

/** How far models are apart, evenly chosen where they are many; undefined for fewer than two or such as do not compare. */
export function distancesOf(models: readonly NamedModel[], onProblem: OnProblem): DistanceMap | undefined {
  if (models.length < 2) return undefined;
  try {
    const { names, distances } = compareTopologies(chosen(models));
    return { names, distances };
  } catch (error) {
    return inWords(onProblem)(error);
  }
}

/** How far the models are apart that a run kept of its epochs; undefined where it kept none. */
export async function epochDistances(directory: string, onProblem: OnProblem): Promise<DistanceMap | undefined> {
  const files = chosen(await epochModels(directory));
  if (files.length < 2) return undefined;
  try {
    const models = await loadToCompare(files);
    const named = models.map((model) => ({ ...model, name: /(?<epoch>\d+)\.onnx$/.exec(model.name)!.groups!.epoch! }));
    return distancesOf(named, onProblem);
  } catch (error) {
    return inWords(onProblem)(error);
  }
}

/** The first, the last and some between. */
function chosen<T>(all: readonly T[]): T[] {
  if (all.length <= MOST_COMPARED) return [...all];
  return Array.from(
    { length: MOST_COMPARED },
    (_, i) => all[Math.round((i * (all.length - 1)) / (MOST_COMPARED - 1))]!,
  );
}
