import {
  finishModels,
  languageModelDefinition,
  loadedText,
  makeCorpus,
  type Runtime,
  resolveConfig,
  taskParts,
  tokenizeProse,
  train,
  trainParts,
  writeModel,
} from 'slimrnn/browser';

const settings = {
  ...languageModelDefinition.presets['iss-small'],
  hidden: [32, 32],
  embedding: 32,
  iss: 0.05,
  epochs: 6,
};

/** Trains a language model on a text but for its last tenth; returns its sizes, and the slim model as an ONNX file. */
export async function slimModel(text: string, runtime: Runtime, tell: (line: string) => void) {
  const sentences = text.split('\n');
  const cut = Math.floor(0.9 * sentences.length);
  const [head, tail] = [sentences.slice(0, cut), sentences.slice(cut)].map((some) => tokenizeProse(some.join('\n')));
  const corpus = makeCorpus('page', 'pasted', { train: head!, valid: tail!, test: tail! }, { maxVocabulary: 2000 });
  const config = resolveConfig(settings, { tasks: [languageModelDefinition] });
  const options = { ...trainParts(config), ...taskParts(loadedText(config, corpus)), runtime };
  const trained = await train({
    ...options,
    onEpoch: ({ epoch, valid, alive }) =>
      tell(`epoch ${epoch}: perplexity ${valid?.perplexity?.toFixed(1)}, units ${alive}`),
  });
  const { model, slim } = await finishModels(trained, options);
  return { units: trained.history.at(-1)!.alive, bytes: writeModel(slim?.model ?? model) };
}
