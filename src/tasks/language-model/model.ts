import { UsageError } from '../../base/errors.ts';
import type { Section } from '../../base/fields.ts';
import { type Vocabulary, vocabularyDigest } from '../../data/vocabulary.ts';
import { RECURRENT_INPUT } from '../../graph/slots.ts';
import type { Graph, Model, Tensor } from '../../graph/types.ts';
import { languageModel } from '../../models/languageModel.ts';
import { rhnLanguageModel } from '../../models/rhnLanguageModel.ts';
import { cellNames, unitsOfLayers } from '../../nn/layers.ts';
import type { TaskConfig } from '../task.ts';
import { withinMemory } from '../withinMemory.ts';
import { readRhnFields, readStackedFields } from './definition.ts';

/** Metadata entry with the digest of the words that a model's token numbers stand for. */
const VOCABULARY = 'slimrnn.vocabulary';

/** The matrix of the output where it is not the embedding's. */
const OUTPUT_MATRIX = 'head.weight';

/** What a tied model has where its last layer is not of the embedding's size. */
const PROJECTION = 'projection.weight';

type ModelConfig = Pick<TaskConfig, 'model' | 'seed'>;

/** The untrained model of a configuration. */
export function freshModel(config: ModelConfig, vocabulary: Vocabulary): Model {
  const model = untrainedModel(config, vocabulary.words.length);
  return { ...model, metadata: { ...model.metadata, [VOCABULARY]: vocabularyDigest(vocabulary) } };
}

/** The same without a mark of its vocabulary, for so many words. */
export function untrainedModel({ model, seed }: ModelConfig, vocabulary: number): Model {
  return withinMemory(model.hidden, model.embedding, () => {
    if (model.kind !== 'rhn') {
      const cell = cellNames.find((c) => c === model.kind);
      return languageModel({ ...readStackedFields(model), cell, vocabulary, seed });
    }
    const { hidden, depth, transformBias = -2, initScale, keep, keepWords = 1, keepState = 1 } = readRhnFields(model);
    const kept = { words: keepWords, input: keep, state: keepState, output: keep };
    return rhnLanguageModel({ vocabulary, width: hidden[0]!, depth, transformBias, initScale, seed, keep: kept });
  });
}

/** The model of a configuration with the weights of a trained one; throws UsageError when vocabulary or sizes differ. */
export function modelFrom(trained: Model, config: ModelConfig, vocabulary: Vocabulary, source: string): Model {
  if (trained.metadata[VOCABULARY] !== vocabularyDigest(vocabulary)) {
    throw new UsageError(
      `--init ${source}: it was trained with another vocabulary; use the same data and --vocabulary`,
    );
  }
  const fresh = freshModel(config, vocabulary);
  if (trained.graph.initializers.has(OUTPUT_MATRIX) && !fresh.graph.initializers.has(OUTPUT_MATRIX)) {
    throw new UsageError(`--init ${source}: its output has a matrix of its own, not the embedding: leave out --tied`);
  }
  if (trained.graph.initializers.has(PROJECTION) && !fresh.graph.initializers.has(PROJECTION)) {
    throw new UsageError(`--init ${source}: the model of the configuration has no place for its '${PROJECTION}'`);
  }
  const initializers = new Map(
    [...fresh.graph.initializers].map(([name, tensor]) => {
      const weights = trained.graph.initializers.get(name) ?? biasOf(trained.graph, name);
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

/**
 * A bias of a layer whose file adds another one to it, as `compress` leaves it behind a cut. ONNX's B [1, 2 · rows] has that of
 * W · x and that of R · h, which a layer adds up; only the candidate of a GRU, last of its gates, keeps them apart.
 */
function biasOf({ nodes, initializers }: Graph, name: string): Tensor | undefined {
  const [, layer, which] = /^(.*)\.(bias|recurrent_bias)$/.exec(name) ?? [];
  const node = nodes.find(({ inputs }) => inputs[RECURRENT_INPUT.recurrent] === `${layer}.recurrent`);
  const both = initializers.get(node?.inputs[RECURRENT_INPUT.bias] ?? '');
  if (both === undefined) return undefined;
  const values = both.data as Float32Array;
  const rows = values.length / 2;
  const apart = node!.op === 'GRU' ? rows / 3 : 0;
  const [input, state] = [values.slice(0, rows), values.slice(rows)];
  if (which === 'recurrent_bias') return { ...both, dims: [1, apart], data: state.slice(rows - apart) };
  return { ...both, dims: [1, rows], data: input.map((value, i) => value + (i < rows - apart ? state[i]! : 0)) };
}

/** Kind and sizes of a trained language model, as settings; throws UsageError for one that slimrnn did not make. */
export function sizesOf({ graph }: Model, source: string): Section {
  const { initializers } = graph;
  const embedding = initializers.get('embedding')?.dims[1];
  if (embedding !== undefined) {
    const cell = cellNames.find((name) => initializers.has(`${name}_0.recurrent`));
    if (cell) {
      // Undefined takes away what a preset says.
      const tied = initializers.has(OUTPUT_MATRIX) ? undefined : true;
      return { kind: cell, hidden: unitsOfLayers(graph, (i) => `${cell}_${i}.recurrent`), embedding, tied };
    }
    const micro = unitsOfLayers(graph, (l) => `rhn.recurrent_${l}`);
    if (micro.length > 0) return { kind: 'rhn', hidden: micro.slice(0, 1), embedding, depth: micro.length };
  }
  throw new UsageError(`--init ${source}: not a language model made by slimrnn train`);
}
