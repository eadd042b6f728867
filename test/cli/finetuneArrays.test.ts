import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { apply, matmul, squeeze } from '../../src/graph/ops.ts';
import type { Dim, Model, Node } from '../../src/graph/types.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { collectReport } from '../../src/report/collect.ts';
import { reportHtml } from '../../src/report/html.tsx';
import type { RunResult } from '../../src/runs/result.ts';
import type { ScoreValues } from '../../src/tasks/score.ts';
import { course, onlyEvents } from '../support/eventFile.ts';
import { randomTensor } from '../support/graphs.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runCli, runJson } from '../support/runCli.ts';

/*
 * Fine-tuning on arrays as a user types it: what the graph shows of its axes, and what the reader made of a file.
 */

let folder: string;
const at = (name: string) => join(folder, name);
const flags = ['--data', 'd.npz', '--valid', 'd.npz', '--loss', 'mse', '--target', 't'];
/** Trains as good as nothing, so that the loss is that of the model as it came. */
const still = ['--optimizer', 'sgd', '--learning-rate', '1e-9', '--epochs', '1', '--threads', '1'];

beforeAll(async () => {
  folder = makeFolder();
  const arrays = { x: randomTensor([7, 5, 3], 4), t: randomTensor([7, 5, 2], 5) };
  await saveArrays(at('d.npz'), new Map(Object.entries(arrays)));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The scores before training. */
async function scores(model: string, out: string, ...flags: string[]) {
  const result = await runJson<RunResult>(['finetune', model, ...still, ...flags, '--out', out], folder);
  return result.models[0]!.scores;
}

/** x → LSTM → Squeeze → MatMul → y, time first. */
const timeFirst = (shape: readonly Dim[]): Model => {
  const b = new GraphBuilder('time first');
  const weight = (name: string, dims: number[], seed: number) => b.parameter(name, randomTensor(dims, seed, 0.5));
  const x = b.input('x', 'float32', shape);
  const y = apply('LSTM', [x, weight('W', [1, 24, 3], 1), weight('R', [1, 24, 6], 2)], { hidden_size: 6 });
  b.output(matmul(squeeze(y, [1]), weight('V', [6, 2], 3)), 'y');
  return modelOf(b.build());
};

describe('a model as PyTorch exports it, time first', () => {
  beforeAll(async () => {
    await saveModel(at('unnamed.onnx'), timeFirst(['s0', 's1', 3]));
    await saveModel(at('single.onnx'), timeFirst(['time', 1, 3]));
    await saveModel(at('misnamed.onnx'), timeFirst(['batch', 'time', 3]));
  });

  it('is fed examples along the axis that its LSTM reads as the batch', async () => {
    const said = await scores('unnamed.onnx', 'said', ...flags, '--batch-axis', 'x=1');
    const found = await scores('unnamed.onnx', 'found', ...flags);
    const single = await scores('single.onnx', 'single', ...flags);
    expect(found).toEqual(said);
    expect(single.valid!.mse).toBeCloseTo(said.valid!.mse!, 6);
    const wrong = await scores('unnamed.onnx', 'wrong', ...flags, '--batch-axis', 'x=0', '--batch-axis', 'y=0');
    expect(Math.abs(wrong.valid!.mse! - said.valid!.mse!)).toBeGreaterThan(1e-3);
  });

  it('is refused where the name of the axis says otherwise', async () => {
    const args = ['finetune', 'misnamed.onnx', ...flags, '--out', 'no'];
    await expectRefused(folder, args, /axis 0 is called 'batch'/, /--batch-axis x=AXIS/);
  });
});

describe('a model that was cut', () => {
  const inputs = ['--data', 'inputs.npz', '--valid', 'others.npz'];
  const training = ['--learning-rate', '0.02', '--batch', '8', '--epochs', '8', '--threads', '1'];

  beforeAll(async () => {
    await saveModel(at('whole.onnx'), timeFirst(['time', 'batch', 3]));
    await saveArrays(at('inputs.npz'), new Map([['x', randomTensor([64, 5, 3], 6)]]));
    await saveArrays(at('others.npz'), new Map([['x', randomTensor([32, 7, 3], 7)]]));
    await runJson(['shrink', 'whole.onnx', '--keep', '0.5', '--out', 'cut.onnx'], folder);
  });

  it('follows the one that it was cut from, without labels', async () => {
    const args = ['finetune', 'cut.onnx', '--teacher', 'whole.onnx', ...inputs, ...training, '--tensorboard'];
    const { models, config, notes } = await runJson<RunResult>([...args, '--out', 'followed'], folder);
    expect(config).toMatchObject({ task: { kind: 'distillation' }, sources: { teacher: 'whole.onnx' } });
    expect(notes).toContain("the teacher is followed in 'y' (plain numbers)");
    const [before, after] = models.map(({ scores }) => scores.valid!) as [ScoreValues, ScoreValues];
    expect(after.error! * 4, `${before.error} → ${after.error}`).toBeLessThan(before.error!);
    expect(after['SNR (dB)']).toBeCloseTo(-10 * Math.log10(after.error!), 5);
    const events = onlyEvents(at('followed'));
    for (const tag of ['error/valid', 'SNR (dB)/valid', 'SNR (dB)/train']) expect(course(events, tag)).toHaveLength(8);
    const report = await collectReport({ paths: [at('followed')], latency: false });
    expect(report.problems).toEqual([]);
    expect(await reportHtml(report)).toContain('SNR (dB)');
  });

  it('needs a teacher that fits, and no labels', async () => {
    const follow = ['finetune', 'cut.onnx', ...inputs, '--out', 'no'];
    const taught = [...follow, '--teacher', 'whole.onnx'];
    await expectRefused(folder, [...taught, '--loss', 'mse'], '--loss is for targets from an array');
    await expectRefused(
      folder,
      [...taught, '--target', 'y=x', '--mask', 'm'],
      '--target-array and --output and --mask are',
    );
    await expectRefused(folder, [...follow, '--outputs', 'y'], '--outputs needs --teacher FILE');
    await expectRefused(folder, [...follow, '--teacher', 'absent.onnx'], 'cannot read absent.onnx');
    await expectRefused(folder, ['finetune', 'cut.onnx', '--teacher', 'whole.onnx'], '--data FILE');
    await expectRefused(folder, [...taught, '--outputs', 'z'], "no such output of real numbers (did you mean 'y'?)");
  });
});

describe('a model with functions of its own', () => {
  /** The model with all its nodes in a function. */
  const inFunction = (model: Model): Model => {
    const { graph, opsets } = model;
    const inputs = [...graph.inputs.map((v) => v.name), ...graph.initializers.keys()];
    const outputs = graph.outputs.map((v) => v.name);
    const call: Node = { op: 'Encoder', domain: 'mine', name: 'enc', inputs, outputs, attributes: {} };
    const encoder = {
      domain: 'mine',
      name: 'Encoder',
      inputs,
      outputs,
      attributes: [],
      defaults: {},
      nodes: graph.nodes,
    };
    return {
      ...model,
      opsets: { ...opsets, mine: 1 },
      graph: { ...graph, nodes: [call] },
      functions: [{ ...encoder, opsets }],
    };
  };

  beforeAll(async () => {
    const flat = timeFirst(['time', 'batch', 3]);
    await saveModel(at('flat.onnx'), flat);
    await saveModel(at('function.onnx'), inFunction(flat));
  });

  it('trains like the flat model', async () => {
    const train = (model: string) =>
      runJson<RunResult>(
        ['finetune', model, ...flags, '--epochs', '2', '--threads', '1', '--out', `${model}.run`],
        folder,
      );
    const [own, flat] = [await train('function.onnx'), await train('flat.onnx')];
    expect(own.models.map((m) => m.scores)).toEqual(flat.models.map((m) => m.scores));
    expect(own.models.map((m) => m.hidden)).toEqual([[6], [6]]);
  });

  it('is counted like it by bench and inspect', async () => {
    type Counted = { models: { multiplyAdds: number }[] };
    const { models } = await runJson<Counted>(
      ['bench', 'function.onnx', 'flat.onnx', '--batch', '1', '--steps', '3', '--rounds', '1', '--threads', '1'],
      folder,
    );
    expect(models[0]!.multiplyAdds).toBe(24 * (3 + 6) + 6 * 2);
    expect(models[1]!.multiplyAdds).toBe(models[0]!.multiplyAdds);
  });
});

describe('an operator without a derivative', () => {
  it.each([
    ['com.microsoft', 'Gelu'],
    ['', 'MatMulInteger'],
  ])('is named: %s %s', async (domain, op) => {
    const model = timeFirst(['time', 'batch', 3]);
    const { graph } = model;
    const last = graph.nodes.at(-1)!;
    const nodes = [
      ...graph.nodes.slice(0, -1),
      { ...last, outputs: ['z'] },
      { op, domain, name: '', inputs: op === 'Gelu' ? ['z'] : ['z', 'V'], outputs: ['y'], attributes: {} },
    ];
    const opsets = domain === '' ? model.opsets : { ...model.opsets, [domain]: 1 };
    await saveModel(at('open.onnx'), { ...model, opsets, graph: { ...graph, nodes } });
    const { code, stderr } = await runCli(['finetune', 'open.onnx', ...flags, '--out', 'open'], folder);
    expect(stderr).toContain(`error: ${domain === '' ? op : `${domain}.${op}`} 'y' cannot be trained through`);
    expect(code).toBe(1);
    expect(existsSync(at('open'))).toBe(false);
  });
});
