import { UsageError } from '../../base/errors.ts';
import { loadArrays } from '../../data/arrays.ts';
import { loadModel } from '../../onnx/file.ts';
import { refuseSources } from '../refuseSources.ts';
import type { Task } from '../task.ts';
import { arraysDefinition, readTaskFields } from './definition.ts';
import { loadedArrays } from './loadedArrays.ts';
import { arrayDataFrom } from './splitExamples.ts';

/** An imported model on arrays from files (.npz, .safetensors, .jsonl). */
export const arraysTask: Task = {
  ...arraysDefinition,
  async load(config, { init, data, valid, ...others }) {
    refuseSources(others, ['test'], 'has no part in this task, which scores on --valid');
    if (init === undefined) throw new UsageError('a model is needed: an ONNX file');
    if (data === undefined) throw new UsageError('--data FILE with the training examples is needed');
    const model = await loadModel(init);
    const { validShare: share } = readTaskFields(config.task);
    const arrays = await arrayDataFrom({ data, valid }, { share, seed: config.seed }, loadArrays);
    return loadedArrays(config, model, arrays);
  },
};
