import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { echoTask } from '../../examples/extend/echoTask.ts';
import { signDescent } from '../../examples/extend/signOptimizer.ts';
import { weakestKind } from '../../examples/extend/weakestMethod.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { taskParts, trainParts } from '../../src/config/trainParts.ts';
import { numbersOf } from '../../src/graph/numbers.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { finishModels } from '../../src/train/finish.ts';
import { train } from '../../src/train/trainer.ts';

/*
 * The pages on extending slimrnn: their code is that of examples/extend, and it runs.
 */

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

it.each([
  ['docs/add-a-task.md', 'examples/extend/echoTask.ts'],
  ['docs/add-a-sparsity-method.md', 'examples/extend/weakestMethod.ts'],
  ['docs/add-an-optimizer.md', 'examples/extend/signOptimizer.ts'],
])('%s shows the code of %s', (page, example) => {
  const [, shown] = /```ts\n([\s\S]*?)```/.exec(read(page)) ?? [];
  expect(shown).toBe(read(example));
});

const configOf = (settings: object) =>
  resolveConfig({ ...settings, threads: 1 }, { source: 'test', tasks: [echoTask] });

describe('the task of the page', () => {
  it('trains, and with group lasso its network becomes smaller', async () => {
    const config = configOf({ iss: 2, proximal: true, epochs: 6 });
    const task = await echoTask.load(config, {});
    const options = { ...trainParts(config), ...taskParts(task), runtime: nodeRuntime };
    const trained = await train(options);
    const [first, last] = [trained.history[0]!, trained.history.at(-1)!];
    expect(last.valid!.mse!).toBeLessThan(first.valid!.mse!);
    const { slim } = await finishModels(trained, options);
    expect(slim!.verify.maxRelativeDifference).toBeLessThan(1e-4);
    expect(last.alive[0]!).toBeLessThan(16);
  });
});

describe('the method of the page', () => {
  it.each(['adam', 'sgd'])('removes connections after each epoch, which stay away under %s', async (optimizer) => {
    const config = configOf({ optimizer, epochs: 2 });
    const task = await echoTask.load(config, {});
    const section = { kind: 'weakest', weakest: 0.5 };
    const method = {
      isDense: false,
      embeddings: false,
      check: () => undefined,
      create: (context: Parameters<typeof weakestKind.create>[1]) => weakestKind.create(section, context),
    };
    const { model } = await train({ ...trainParts(config), method, ...taskParts(task), runtime: nodeRuntime });
    const values = numbersOf(model.graph.initializers.get('gru_0.recurrent')!)!;
    const zeros = Array.from(values, Number).filter((v) => v === 0).length;
    // Half of 768 after the first epoch, half of what is left after the second.
    expect(zeros).toBe(768 - 192);
  });
});

describe('the optimizer of the page', () => {
  it('trains the task', async () => {
    const config = configOf({ learningRate: 0.005 });
    const task = await echoTask.load(config, {});
    const parts = { ...trainParts(config), createOptimizer: signDescent };
    const { history } = await train({ ...parts, ...taskParts(task), runtime: nodeRuntime });
    expect(history.at(-1)!.valid!.mse!).toBeLessThan(history[0]!.valid!.mse!);
  });
});
