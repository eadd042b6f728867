import {
  finishModels,
  loadCorpus,
  loadedText,
  nodeRuntime,
  presets,
  resolveConfig,
  scoreModel,
  taskParts,
  tasks,
  train,
  trainParts,
} from 'slimrnn';

const config = resolveConfig({ ...presets['iss-small'], optimizer: 'asgd', epochs: 4 }, { tasks });
const task = loadedText(config, await loadCorpus('path/to/text'));
const options = { ...trainParts(config), ...taskParts(task), runtime: nodeRuntime };

const trained = await train({ ...options, onEpoch: ({ valid, alive }) => console.log(valid?.perplexity, alive) });
const { model, slim } = await finishModels(trained, options); // verified: both compute the same
console.log(await scoreModel(slim?.model ?? model, options)); // { scores: { valid: { perplexity: … }, test: … } }
