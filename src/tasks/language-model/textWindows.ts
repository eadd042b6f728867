import { batchWindows } from '../../data/batches.ts';
import { TOKENS } from '../../models/languageModel.ts';
import type { Tensors } from '../../runtime/runtime.ts';
import type { TrainConfig } from '../../train/config.ts';

/** How many windows two models are compared on. */
const VERIFIED_WINDOWS = 5;

/** The first consecutive windows of a text as feeds of a language model, for comparing two of them on real text. */
export function textWindows(ids: Int32Array, { batch, steps }: Pick<TrainConfig, 'batch' | 'steps'>): Tensors[] {
  const windows = batchWindows(ids, batch, steps, { keepTail: true, label: 'validation text' });
  return Array.from({ length: Math.min(VERIFIED_WINDOWS, windows.windows) }, (_, i) => {
    const data = new Int32Array(batch * steps);
    const time = windows.fillWindow(i, data, new Int32Array(batch * steps));
    return { [TOKENS]: { elementType: 'int32', dims: [time, batch], data: data.slice(0, time * batch) } };
  });
}
