import { describe, expect, it } from 'vitest';
import { presets } from '../../src/tasks/registry.ts';
import { runCli } from '../support/runCli.ts';

/*
 * The help of the commands that train: what a user finds there, and that it can be read.
 */

async function helpOf(command: string): Promise<string> {
  const { code, stdout, stderr } = await runCli([command, '--help'], '.');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

/** The lines of a group, its title left out. */
function group(help: string, title: string): string {
  const [, text] = help.split(new RegExp(`^${title}:\n`, 'm'));
  return text?.split(/\n\n/)[0] ?? '';
}

const parts = ['Training', 'Optimizer', 'Learning rate', 'Sparsity', 'Examples'];
const ofTasks = ['language-model', 'text-classification', 'question-answering', 'arrays', 'distillation'].map(
  (task) => `For --task ${task}`,
);
const all = ['Arguments', 'Options', 'Task', 'Model', ...ofTasks, ...parts];
const commands: [command: string, groups: readonly string[]][] = [
  ['train', all],
  ['finetune', ['Arguments', 'Options', 'Task', 'Without --teacher', 'With --teacher', ...parts]],
  ['sweep', all],
];

describe.each(commands)('%s --help', (command, groups) => {
  it('fits in 120 columns, in groups, with examples', async () => {
    const help = await helpOf(command);
    for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(120);
    expect([...help.matchAll(/^([A-Z].*):$/gm)].map(([, title]) => title)).toEqual(groups);
    expect(group(help, 'Examples')).toMatch(new RegExp(`^ {2}slimrnn ${command} `));
    // Of the two flags of a switch the one that changes something.
    expect(help).not.toMatch(/do not (one|let|read|look|take|keep)|--no-tied|--no-proximal|undefined/);
  });

  it('says each flag once, with what it does', async () => {
    const flags = [...(await helpOf(command)).matchAll(/^ {2}(--[\w-]+)(.*)$/gm)];
    expect(flags.length).toBeGreaterThan(30);
    expect(new Set(flags.map(([, flag]) => flag)).size).toBe(flags.length);
    for (const [line, , rest] of flags) expect(rest, line).toMatch(/\S {2,}\S|^ {2,}\S/);
  });
});

it('train names every preset, and what is chosen when nobody says it', async () => {
  const help = await helpOf('train');
  for (const preset of Object.keys(presets)) expect(help).toMatch(new RegExp(`[ \\n]${preset}[,.]`));
  const words = help.replaceAll(/\s+/g, ' ');
  expect(words).toContain(
    '--task <name> what is learned: language-model, text-classification, question-answering, arrays, distillation',
  );
  expect(words).toContain('--cell <name> recurrent layers: lstm, gru, rnn, rhn, bidaf (default: lstm for');
  expect(words).toContain(
    'adamw, asgd (default: sgd for language-model; adam for text-classification, question-answering, arrays, distillation)',
  );
  expect(words).toContain('course of the learning rate: step, constant, cosine, plateau (default: step)');
  expect(group(help, 'For --task text-classification')).toContain('--class-weights');
  expect(group(help, 'For --task language-model')).toContain('--tied');
  expect(group(help, 'Model')).not.toContain('--tied');
  expect(group(help, 'Training')).toContain('--no-shrink');
});

it('finetune has the fields of its tasks alone, with their defaults', async () => {
  const help = await helpOf('finetune');
  const words = help.replaceAll(/\s+/g, ' ');
  expect(words).toContain('--loss <name> what is made small: cross-entropy, mse, bce');
  expect(group(help, 'With --teacher')).toMatch(/^ {2}--steps <number> [\s\S]*\n {2}--outputs <names> /);
  expect(words).toContain('--batch <number> sequences or examples side by side (default: 32)');
  expect(words).toContain('(default: 0.1 for sgd, asgd; 0.01 for momentum; 0.001 for adam, adamw)');
  expect(help).not.toMatch(/--hidden|--label|--task /);
});

it('sweep takes several values of a field, and all runs have as many threads', async () => {
  const help = await helpOf('sweep');
  expect(group(help, 'Sparsity')).toContain('--iss <values> ');
  expect(group(help, 'Sparsity')).toMatch(/--proximal \[values\] [^-]*sub-gradient \(true, false or\s+both\)/);
  expect(group(help, 'Options')).toContain('--threads <number>');
  expect(group(help, 'Training')).not.toContain('--threads');
});
