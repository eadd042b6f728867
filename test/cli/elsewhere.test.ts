import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import type { RunResult } from '../../src/runs/result.ts';
import type { SweepResult } from '../../src/sweep/result.ts';
import { sumTask } from '../fixtures/finetune/task.ts';
import { prepareTaskRuns, taskRuns } from '../support/methodRuns.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runCli, runJson } from '../support/runCli.ts';

/*
 * Runs that are gone on with from another folder, after they or their data have moved.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);

beforeAll(async () => {
  folder = makeFolder();
  await prepareTaskRuns(folder);
  await saveArrays(at('valid.npz'), sumTask(40, 5));
  for (const name of ['moved', 'elsewhere']) mkdirSync(at(name));
  for (const name of ['text', 'reviews.csv', 'train.npz', 'valid.npz', 'model.onnx', 'teacher.onnx']) {
    cpSync(at(name), at('moved', name), { recursive: true });
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const modelsOf = (run: string) => (JSON.parse(readFileSync(at(run, 'result.json'), 'utf8')) as RunResult).models;

const cases: [task: string, command: readonly string[], moved: readonly string[], changed: string][] = [
  ['language-model', taskRuns['language-model']!.command, ['--data', 'moved/text'], 'text/train.txt'],
  ['text-classification', taskRuns['text-classification']!.command, ['--data', 'moved/reviews.csv'], 'reviews.csv'],
  [
    'arrays',
    [...taskRuns.arrays!.command, '--valid', 'valid.npz'],
    ['--data', 'moved/train.npz', '--valid', 'moved/valid.npz'],
    'train.npz',
  ],
];

describe.each(cases)('%s', (task, command, moved, changed) => {
  const run = `run-${task}`;
  const door = command[0]!;
  /** A copy of the run that looks unfinished. */
  const unfinished = (name: string) => {
    cpSync(at(run), at(name), { recursive: true });
    rmSync(at(name, 'result.json'));
    return name;
  };

  beforeAll(async () => {
    await runJson([...command, '--epochs', '1', '--out', run], folder);
  });

  it('goes on from another folder, and where the run has moved', async () => {
    const name = unfinished(`elsewhere/${task}`);
    const { code, stderr } = await runCli([door, task, '--resume'], at('elsewhere'));
    expect(code, stderr).toBe(0);
    expect(modelsOf(name)).toEqual(modelsOf(run));
    // Finished already, seen from elsewhere.
    expect((await runCli([door, `../${run}`, '--resume'], at('elsewhere'))).stderr).toContain('is finished already');
  });

  it('goes on with the same data under another path, which is kept', async () => {
    const name = unfinished(`${task}-with-moved`);
    const { code, stderr } = await runCli([door, name, '--resume', ...moved], folder);
    expect(code, stderr).toBe(0);
    expect(modelsOf(name)).toEqual(modelsOf(run));
    const { sources, places } = JSON.parse(readFileSync(at(name, 'config.json'), 'utf8')) as {
      sources: Record<string, string>;
      places: Record<string, { absolute: string }>;
    };
    expect(sources.data).toBe(moved[1]);
    expect(places.data!.absolute).toBe(at(moved[1]!));
    // And once it is finished.
    expect((await runCli([door, run, '--resume', ...moved], folder)).stderr).toContain('is finished already');
  });

  it('does not go on with other data', async () => {
    cpSync(at('moved'), at('other'), { recursive: true });
    if (changed.endsWith('npz')) await saveArrays(at('other', changed), sumTask(400, 7));
    else
      writeFileSync(at('other', changed), `${readFileSync(at(changed), 'utf8').split('\n').slice(0, -9).join('\n')}\n`);
    const other = moved.map((word) => word.replace('moved', 'other'));
    await expectRefused(folder, [door, run, '--resume', ...other], 'checkpoint of another run', 'data');
    await expectRefused(folder, [door, unfinished(`${task}-other`), '--resume', ...other], 'checkpoint of another run');
  });
});

it('config.json of a run repeats it from another folder', async () => {
  const args = ['train', '../run-language-model/config.json', '--out', 'again'];
  const { code, stderr } = await runCli(args, at('elsewhere'));
  expect(code, stderr).toBe(0);
  expect(modelsOf('elsewhere/again')).toEqual(modelsOf('run-language-model'));
});

it('a configuration that a person wrote finds what lies beside it, and may begin with a byte order mark', async () => {
  writeFileSync(at('mine.json'), `\uFEFF${JSON.stringify({ preset: 'zaremba-small', data: 'text', epochs: 1 })}`);
  const flags = taskRuns['language-model']!.command.slice(2).filter((word) => word !== '--data' && word !== 'text');
  const args = ['train', '../mine.json', ...flags, '--epochs', '1', '--out', 'mine'];
  const { code, stderr } = await runCli(args, at('elsewhere'));
  expect(code, stderr).toBe(0);
  expect(modelsOf('elsewhere/mine')).toEqual(modelsOf('run-language-model'));
});

it('another first model is refused, the same one elsewhere is not', async () => {
  const command = [...taskRuns['language-model']!.command, '--epochs', '1'];
  await runJson([...command, '--init', 'run-language-model', '--out', 'onward'], folder);
  rmSync(at('onward/result.json'));
  cpSync(at('run-language-model'), at('moved/first'), { recursive: true });
  await expectRefused(folder, ['train', 'onward', '--resume', '--init', 'onward'], 'another --init', 'another model');
  const { code, stderr } = await runCli(['train', 'onward', '--resume', '--init', 'moved/first'], folder);
  expect(code, stderr).toBe(0);
});

it('a run goes on with its teacher under another path, and with no other', async () => {
  await runJson([...taskRuns.distillation!.command, '--epochs', '1', '--out', 'followed'], folder);
  const models = modelsOf('followed');
  rmSync(at('followed/result.json'));
  const resume = ['finetune', 'followed', '--resume', '--teacher'];
  await expectRefused(folder, [...resume, 'model.onnx'], 'another --teacher, and it is another model');
  const { code, stderr } = await runCli([...resume, 'moved/teacher.onnx', '--data', 'moved/train.npz'], folder);
  expect(code, stderr).toBe(0);
  expect(modelsOf('followed')).toEqual(models);
  const { sources, places } = JSON.parse(readFileSync(at('followed/config.json'), 'utf8')) as {
    sources: Record<string, string>;
    places: Record<string, { absolute: string; sha256?: string }>;
  };
  expect(sources).toMatchObject({ teacher: 'moved/teacher.onnx', init: 'model.onnx' });
  expect(places.teacher).toMatchObject({
    absolute: at('moved/teacher.onnx'),
    sha256: expect.stringMatching(/^\w{64}$/),
  });
  const without = ['train', 'iss-small', '--data', 'text', '--teacher', 'model.onnx', '--out', 'no'];
  await expectRefused(folder, without, '--teacher needs --task distillation, not language-model');
});

it('a sweep goes on from another folder, and after its data have moved', async () => {
  const sweep = ['sweep', ...taskRuns['language-model']!.command.slice(1), '--epochs', '2', '--iss', '0.01,0.02'];
  const { rows } = await runJson<SweepResult>([...sweep, '--no-latency', '--out', 'sweep'], folder);
  rmSync(at('sweep/sweep-result.json'));
  rmSync(at('sweep', rows[1]!.run), { recursive: true });
  const resume = ['sweep', '--resume', '--no-latency'];
  const again = await runJson<SweepResult>([...resume, '../sweep'], at('elsewhere'));
  expect(again.rows).toEqual(rows);
  rmSync(at('sweep/sweep-result.json'));
  rmSync(at('sweep', rows[1]!.run), { recursive: true });
  renameSync(at('text'), at('text-gone'));
  const last = await runJson<SweepResult>(
    [...sweep, '--data', 'moved/text', '--no-latency', '--resume', '--out', 'sweep'],
    folder,
  );
  expect(last.rows).toEqual(rows);
});
