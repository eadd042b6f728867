import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { batchWindows } from '../../data/batches.ts';
import { loadCorpus } from '../../data/corpus.ts';
import type { LoadedCorpus } from '../../data/makeCorpus.ts';
import { loadSotu } from '../../data/sotu.ts';
import { type Vocabulary, vocabularyDigest } from '../../data/vocabulary.ts';
import type { Model } from '../../graph/types.ts';
import { cellNames } from '../../nn/layers.ts';
import { loadModel } from '../../onnx/file.ts';
import { runFiles } from '../../runs/runDirectory.ts';
import type { TrainConfig } from '../../train/config.ts';
import { freshModel, trainedVocabulary } from './freshModel.ts';

/**
 * Loads the text that a configuration asks for: a folder or file, or the embedded corpus when `data` is left out.
 * Throws UsageError when it cannot serve, also when a part is too short for one window.
 */
export async function loadText(config: TrainConfig, data: string | undefined): Promise<LoadedCorpus> {
  const corpus = await readText(config, data);
  const { batch, steps } = config;
  batchWindows(corpus.train, batch, steps, { label: 'training text' });
  batchWindows(corpus.valid, batch, steps, { keepTail: true, label: 'validation text' });
  batchWindows(corpus.test, 1, steps, { keepTail: true, label: 'test text' });
  return corpus;
}

async function readText(config: TrainConfig, data: string | undefined): Promise<LoadedCorpus> {
  if (data === undefined || data === 'sotu') {
    return loadSotu({ maxVocabulary: config.vocabulary, maxTrainTokens: config.trainTokens });
  }
  if (config.trainTokens !== undefined)
    throw new UsageError('--train-tokens is for the embedded corpus only, not for --data');
  return loadCorpus(data, { maxVocabulary: config.vocabulary });
}

/** Path of the model that `--init` names: an ONNX file, or a run directory with one. */
export function initialModelPath(path: string): string {
  if (!existsSync(path)) throw new UsageError(`--init ${path}: there is no such file or run directory`);
  if (!statSync(path).isDirectory()) return path;
  const inside = join(path, runFiles.model);
  if (!existsSync(inside)) throw new UsageError(`--init ${path}: the run has no ${runFiles.model} yet`);
  return inside;
}

/** A trained language model, and what a run that starts from it must have in common with it. */
export interface InitialModel {
  readonly model: Model;
  readonly sizes: Pick<TrainConfig, 'cell' | 'hidden' | 'embedding' | 'depth'>;
}

/** Reads a trained language model file; throws UsageError for any other model. */
export async function loadInitialModel(path: string): Promise<InitialModel> {
  const model = await loadModel(path);
  const { initializers } = model.graph;
  const embedding = initializers.get('embedding')?.dims[1];
  /** Sizes of the states of matrices that are numbered from 0. */
  const widths = (name: (i: number) => string): number[] => {
    const found: number[] = [];
    for (;;) {
      const dims = initializers.get(name(found.length))?.dims;
      if (dims === undefined) return found;
      found.push(dims[dims.length - 1]!);
    }
  };
  if (embedding !== undefined) {
    const cell = cellNames.find((name) => initializers.has(`${name}_0.recurrent`));
    if (cell) return { model, sizes: { cell, hidden: widths((i) => `${cell}_${i}.recurrent`), embedding } };
    const micro = widths((l) => `rhn.recurrent_${l}`);
    if (micro.length > 0) {
      return { model, sizes: { cell: 'rhn', hidden: micro.slice(0, 1), embedding, depth: micro.length } };
    }
  }
  throw new UsageError(`--init ${path}: not a language model made by slimrnn train`);
}

/**
 * The model of a configuration with the weights of a trained one; throws UsageError when vocabulary or sizes differ.
 */
export function modelFrom(trained: Model, config: TrainConfig, vocabulary: Vocabulary, source: string): Model {
  if (trainedVocabulary(trained) !== vocabularyDigest(vocabulary)) {
    throw new UsageError(
      `--init ${source}: it was trained with another vocabulary; use the same data and --vocabulary`,
    );
  }
  const fresh = freshModel(config, vocabulary);
  const initializers = new Map(
    [...fresh.graph.initializers].map(([name, tensor]) => {
      const weights = trained.graph.initializers.get(name);
      if (weights?.dims.join() !== tensor.dims.join()) {
        throw new UsageError(
          `--init ${source}: '${name}' is [${weights?.dims ?? 'absent'}], the configuration wants [${tensor.dims}]`,
        );
      }
      return [name, weights] as const;
    }),
  );
  return { ...fresh, graph: { ...fresh.graph, initializers } };
}
