import { expect, it } from 'vitest';
import { taskCases } from '../../test/support/tasks.ts';
import { optionsFor } from '../../test/support/training.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { train } from '../train/trainer.ts';
import { forecastRun } from './forecast.ts';

it.each(taskCases.map((each) => [each.name, each] as const))(
  '%s: a run does what its forecast says',
  async (_, each) => {
    const { config, task } = each.make({ iss: 0.001, epochs: 1 });
    const forecast = await forecastRun({ ...config, threads: 1 }, task, nodeRuntime);
    let updates = 0;
    const { start } = await train({ ...optionsFor({ config, task }), onBatch: () => updates++ });
    expect(forecast.updates).toEqual({ perEpoch: updates, epochs: 1, total: updates });
    expect(forecast).toMatchObject({ trained: start.parameters, layers: start.layers, data: task.data });
    expect(forecast.notes).toEqual(expect.arrayContaining([...task.notes]));
    // A weight and its gradient at least, but for tables without one.
    expect(forecast.bytes).toBeGreaterThanOrEqual(4 * forecast.trained);
  },
);

it('refuses what the run would refuse', async () => {
  const { config, task } = taskCases[0]!.make({ iss: 0.001, issLayers: [1, 1, 1, 1, 1] });
  await expect(forecastRun(config, task, nodeRuntime)).rejects.toThrow('--iss-layers must have a factor for');
});
