import { tasks } from '../tasks/registry.ts';

/** The presets of each task that has some, a task a line. */
export function presetsText(): string {
  const withPresets = tasks.filter(({ presets }) => Object.keys(presets).length > 0);
  return withPresets.map(({ name, presets }) => `Presets of ${name}: ${Object.keys(presets).join(', ')}.`).join('\n');
}
