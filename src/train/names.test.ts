import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { methods } from '../methods/registry.ts';
import { optimizers } from '../optimizers/registry.ts';
import { schedules } from '../optimizers/schedules/registry.ts';
import { presets, tasks } from '../tasks/registry.ts';

/*
 * The trainer knows no task, model, method, optimizer or schedule by name: what is new needs no line here.
 */

const folder = fileURLToPath(new URL('.', import.meta.url));
const files = readdirSync(folder).filter((file) => /\.tsx?$/.test(file) && !file.includes('.test.'));

const names = [
  ...tasks.flatMap((task) => [task.name, ...task.models.map((model) => model.name)]),
  ...methods.flatMap(({ name, selector }) => [name, ...(selector === undefined ? [] : [selector])]),
  ...Object.keys(optimizers),
  ...Object.keys(schedules),
  ...Object.keys(presets),
];
/** Names that are words of plain English too: these only count as a name where they stand in quotes. */
const plain = new Set([
  'onnx',
  'arrays',
  'dense',
  'target',
  'magnitude',
  'set',
  'proximal',
  'momentum',
  'step',
  'constant',
  'plateau',
  'cosine',
]);

/** Lines of a file that say a name. */
function saying(name: string, text: string): string[] {
  const escaped = name.replace(/[-]/g, '\\-');
  const quoted = `['"\`]${escaped}['"\`]`;
  // camelCase counts as well: an identifier like groupLasso names group-lasso.
  const joined = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const whole = `(?<![A-Za-z])(${escaped}|${joined})(?![a-z])`;
  const pattern = new RegExp(plain.has(name) ? quoted : `${quoted}|${whole}`, plain.has(name) ? '' : 'i');
  return text.split('\n').filter((line) => pattern.test(line));
}

describe('the trainer', () => {
  it('is looked at, with names that are there to be found', () => {
    expect(files).toContain('trainState.ts');
    expect(names).toEqual(expect.arrayContaining(['language-model', 'lstm', 'group-lasso', 'adam', 'cosine', 'iss']));
    expect(saying('adam', "import { adam } from './adam.ts';")).toHaveLength(1);
    expect(saying('group-lasso', 'const method = groupLasso(groups);')).toHaveLength(1);
    expect(saying('dense', "if (kind === 'dense') return;")).toHaveLength(1);
    expect(saying('rnn', 'lowerRnn and Rnn')).toHaveLength(1);
    expect(saying('dense', 'dense training')).toEqual([]);
  });

  it.each(files)('names none in %s', (file) => {
    const text = readFileSync(`${folder}/${file}`, 'utf8');
    const said = names.flatMap((name) => saying(name, text).map((line) => `${name}: ${line.trim()}`));
    expect([...new Set(said)]).toEqual([]);
  });

  it.each(files)('takes only interfaces from their floors, and nothing of Node, in %s', (file) => {
    const text = readFileSync(`${folder}/${file}`, 'utf8');
    const imports = [...text.matchAll(/^import[^;]*? from '([^']+)';/gm)].map(([line, from]) => ({
      line,
      from: from!,
    }));
    const ours = imports.filter(({ from }) => /^\.\.\/(tasks|methods|optimizers|config|runs|cli)\//.test(from));
    const allowed = [
      ...[
        '../tasks/task.ts',
        '../tasks/score.ts',
        '../tasks/shapeKey.ts',
        '../methods/kind.ts',
        '../methods/method.ts',
      ],
      ...['../optimizers/optimizer.ts', '../optimizers/schedules/schedule.ts'],
    ];
    expect(ours.map(({ from }) => from).filter((from) => !allowed.includes(from))).toEqual([]);
    expect(imports.filter(({ from }) => from.startsWith('node:')).map(({ line }) => line)).toEqual([]);
  });
});
