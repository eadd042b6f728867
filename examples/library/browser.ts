import {
  finishModels,
  languageModelDefinition,
  loadedText,
  loadWebRuntime,
  makeCorpus,
  resolveConfig,
  taskParts,
  tokenizeProse,
  train,
  trainParts,
  writeModel,
} from 'slimrnn/browser';

/** Trains on a text but for its last 20 000 characters, and returns the slim model as an ONNX file. */
export async function slimModelOf(text: string): Promise<Uint8Array> {
  const [head, tail] = [tokenizeProse(text.slice(0, -20_000)), tokenizeProse(text.slice(-20_000))];
  const corpus = makeCorpus('mine', 'pasted', { train: head, valid: tail, test: tail }, { maxVocabulary: 2000 });
  const config = resolveConfig(
    { ...languageModelDefinition.presets['iss-small'], hidden: [64, 64], embedding: 64, iss: 0.01, epochs: 8 },
    { tasks: [languageModelDefinition] },
  );
  const options = { ...trainParts(config), ...taskParts(loadedText(config, corpus)), runtime: await loadWebRuntime() };
  const { model, slim } = await finishModels(await train(options), options);
  return writeModel(slim?.model ?? model);
}
