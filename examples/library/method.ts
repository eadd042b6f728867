import {
  type Groups,
  groupedTensors,
  languageModelTask,
  nodeRuntime,
  presets,
  resolveConfig,
  type SparsityMethod,
  taskParts,
  tasks,
  train,
  trainParts,
} from 'slimrnn';

/** Weight decay on all that belongs to units: the gradient of an element is w · (rowPenalty + colPenalty). */
function decay(groups: Groups): SparsityMethod {
  return {
    name: 'decay',
    parameters: groupedTensors(groups),
    threshold: 1e-4,
    beforeUpdate(matrices) {
      for (const { rowPenalty, colPenalty } of matrices) {
        rowPenalty.fill(1e-5);
        colPenalty.fill(0);
      }
      return 0;
    },
  };
}

const config = resolveConfig({ ...presets['zaremba-small'], epochs: 2 }, { tasks });
const task = await languageModelTask.load(config, { data: 'path/to/text' });
const method = {
  isDense: false,
  embeddings: false,
  check: () => undefined,
  create: ({ groups }: { readonly groups: Groups }) => decay(groups),
};
export const trained = await train({ ...trainParts(config), method, ...taskParts(task), runtime: nodeRuntime });
