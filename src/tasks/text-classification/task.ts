import { UsageError } from '../../base/errors.ts';
import { grouped } from '../../base/format.ts';
import { vocabularyDigest } from '../../data/vocabulary.ts';
import type { Model } from '../../graph/types.ts';
import { textClassifier } from '../../models/textClassifier.ts';
import { loadModel } from '../../onnx/file.ts';
import { withoutDropout } from '../../passes/withoutDropout.ts';
import { runFiles } from '../../runs/runDirectory.ts';
import { modelPath } from '../modelPath.ts';
import type { DataSummary, Task } from '../task.ts';
import { type TextConfig, textClassificationDefinition, textConfigOf } from './definition.ts';
import { type LoadedTexts, loadTexts } from './loadTexts.ts';
import { textMetadata, withTextMetadata } from './metadata.ts';
import { textProblem } from './problem.ts';
import type { TextData, TextSet } from './textData.ts';

/** File of a run directory with the classes, one a line in the order of the model's outputs. */
const LABELS_FILE = 'labels.txt';

/** Classifiers of labelled texts from files, or of the embedded e-mails. */
export const textClassificationTask: Task = {
  ...textClassificationDefinition,
  untrained(config, { vocabulary, classes }) {
    const { model, seed } = textConfigOf(config);
    if (vocabulary === undefined || classes === undefined) return undefined;
    return textClassifier({ ...model, vocabulary, classes, seed });
  },
  async load(given, sources) {
    const config = textConfigOf(given);
    const loaded = await loadTexts(sources, config.task, config.seed);
    const { data } = loaded;
    const initial = sources.init === undefined ? undefined : await initialModel(sources.init, config, data);
    return {
      problem: textProblem(data, config),
      data: summaryOf(loaded),
      model: () => initial?.model ?? freshModel(config, data),
      notes: [describedTexts(loaded), ...data.notes, ...(initial?.notes ?? [])],
      files: {
        [runFiles.vocabulary]: `${data.vocabulary.words.join('\n')}\n`,
        [LABELS_FILE]: `${data.classes.join('\n')}\n`,
      },
    };
  },
};

function describedTexts({ source, data: { sets, classes, vocabulary } }: LoadedTexts): string {
  const count = ({ texts }: TextSet) => grouped(texts.length);
  const test = sets.test ? ` and ${count(sets.test)} test` : '';
  return (
    `${source}: ${count(sets.train)} training, ${count(sets.valid)} validation${test} texts of ${classes.length} classes ` +
    `(${classes.slice(0, 6).join(', ')}${classes.length > 6 ? ', …' : ''}), ${grouped(vocabulary.words.length)} words`
  );
}

function summaryOf({ name, source, data: { vocabulary, classes, sets, sha256 } }: LoadedTexts): DataSummary {
  const facts = {
    vocabulary: vocabulary.words.length,
    classes: classes.length,
    train: sets.train.texts.length,
    valid: sets.valid.texts.length,
    ...(sets.test && { test: sets.test.texts.length }),
  };
  return { name, source, sha256, facts };
}

/** The untrained model of a configuration. */
export function freshModel({ task, model, seed }: TextConfig, { classes, vocabulary }: TextData): Model {
  const fresh = textClassifier({ ...model, vocabulary: vocabulary.words.length, classes: classes.length, seed });
  return withTextMetadata(fresh, classes, vocabulary, task);
}

/**
 * A trained model to go on from. Where it has the sizes of the configuration its weights go into a fresh model, which
 * has the dropout that files lack; else it is taken as it is. Throws a UsageError when it tells other classes or knows
 * other words.
 */
async function initialModel(
  init: string,
  config: TextConfig,
  data: TextData,
): Promise<{ model: Model; notes: string[] }> {
  const trained = await loadModel(modelPath(init));
  const about = textMetadata(trained);
  if (about === undefined) throw new UsageError(`--init ${init}: not a text classifier made by slimrnn train`);
  if (about.classes.join('\n') !== data.classes.join('\n')) {
    throw new UsageError(
      `--init ${init}: it tells the classes ${about.classes.join(', ')}; the data have ${data.classes.join(', ')}`,
    );
  }
  if (about.vocabulary !== vocabularyDigest(data.vocabulary)) {
    throw new UsageError(
      `--init ${init}: it was trained with another vocabulary; use the same data, seed and vocabulary`,
    );
  }
  const fresh = freshModel(config, data);
  const { initializers } = trained.graph;
  const fits =
    operatorsOf(fresh) === operatorsOf(trained) &&
    [...fresh.graph.initializers].every(([name, { dims }]) => initializers.get(name)?.dims.join() === dims.join());
  if (!fits)
    return {
      model: trained,
      notes: ['the model of --init is not the one of the configuration: it is trained as it is, without dropout'],
    };
  return { model: { ...fresh, graph: { ...fresh.graph, initializers } }, notes: [] };
}

/** The operators of a model as it is used: models of the same cells and sizes may differ in how they pool. */
function operatorsOf(model: Model): string {
  return withoutDropout(model)
    .graph.nodes.map((node) => node.op)
    .join();
}
