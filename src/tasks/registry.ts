import { arraysTask } from './arrays/task.ts';
import { distillationTask } from './distillation/task.ts';
import { languageModelTask } from './language-model/task.ts';
import { questionAnsweringTask } from './question-answering/task.ts';
import type { Task } from './task.ts';
import { textClassificationTask } from './text-classification/task.ts';

/** The tasks; the first is the default. */
export const tasks: readonly Task[] = [
  languageModelTask,
  textClassificationTask,
  questionAnsweringTask,
  arraysTask,
  distillationTask,
];

/** The task of that name. */
export function taskNamed(name: string): Task | undefined {
  return tasks.find((task) => task.name === name);
}

/** Named configurations of all tasks, each saying its task. */
export const presets = Object.fromEntries(
  tasks.flatMap((task) =>
    Object.entries(task.presets).map(([name, settings]) => [name, { task: task.name, ...settings }]),
  ),
);
