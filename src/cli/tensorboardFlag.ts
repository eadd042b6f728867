import { join } from 'node:path';
import { traceModel } from '../groups/traceModel.ts';
import { loadModel } from '../onnx/file.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { updateTensorBoard } from '../tensorboard/writer.ts';

/** What keeps an event file up to date while a run goes on; nothing happens without `--tensorboard`. */
export interface EventUpdates {
  /** The run begins, with layers of these names. */
  start(layers: readonly string[]): void;
  update(): void;
  /** The run was finished before. */
  finished(): Promise<void>;
}

/** The updates of a run directory's event file. */
export function eventUpdates(directory: string, isWanted: boolean): EventUpdates {
  let names: readonly string[] | undefined;
  const update = () => {
    if (isWanted) updateTensorBoard(directory, names);
  };
  return {
    start(layers) {
      names = layers;
      update();
    },
    update,
    async finished() {
      if (!isWanted) return;
      const { groups } = traceModel(await loadModel(join(directory, runFiles.model)), { tolerant: true });
      names = groups.layers.map((layer) => layer.name);
      update();
    },
  };
}
