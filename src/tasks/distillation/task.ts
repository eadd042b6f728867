import { UsageError } from '../../base/errors.ts';
import { loadArrays } from '../../data/arrays.ts';
import { loadModel } from '../../onnx/file.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import { modelFor } from '../arrays/loadedArrays.ts';
import { arrayDataFrom } from '../arrays/splitExamples.ts';
import { refuseSources } from '../refuseSources.ts';
import type { Task } from '../task.ts';
import { distillationDefinition, readTaskFields } from './definition.ts';
import { loadedDistillation } from './loadedDistillation.ts';
import { cutRecordings } from './recordings.ts';

/** An imported model that learns from another one, on inputs from files (.npz, .safetensors, .jsonl). */
export const distillationTask: Task = {
  ...distillationDefinition,
  async load(config, { init, teacher, data, valid, ...others }) {
    refuseSources(others, ['test'], 'has no part in this task, which scores on --valid');
    if (init === undefined) throw new UsageError('a model is needed: an ONNX file');
    if (teacher === undefined) throw new UsageError('--teacher FILE with the model that is followed is needed');
    if (data === undefined) throw new UsageError('--data FILE with the inputs is needed');
    const models = { student: await loadModel(init), teacher: await loadModel(teacher) };
    const fields = readTaskFields(config.task);
    const load = async (path: string) => {
      const named = { source: path, arrays: await loadArrays(path) };
      return cutRecordings(modelFor(models.student, fields), named, fields).arrays;
    };
    const arrays = await arrayDataFrom({ data, valid }, { share: fields.validShare, seed: config.seed }, load);
    return loadedDistillation(config, { ...models, data: arrays }, nodeRuntime);
  },
};
