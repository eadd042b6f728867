import type { RunForecast } from '../runs/forecast.ts';
import { fileSize, grouped } from './output.ts';

/** What a run would do, for people. */
export function forecastText(
  forecast: RunForecast & { readonly directory: string; readonly seeds: readonly number[] },
): string {
  const { config, data, layers, parameters, multiplyAdds, trained, method, updates, bytes, notes } = forecast;
  const { directory, seeds } = forecast;
  const facts = Object.entries(data.facts).map(([name, value]) => `${name} ${grouped(value)}`);
  const units = layers.map(({ name, units }) => `${name} ${grouped(units)}`);
  const runs = seeds.length === 1 ? '' : `, for each of the seeds ${seeds.join(', ')}`;
  return [
    `task      ${config.task.kind}; ${method}; optimizer ${config.optimizer.kind}`,
    `data      ${data.name}: ${data.source}`,
    ...(facts.length === 0 ? [] : [`          ${facts.join(', ')}`]),
    `model     ${grouped(parameters)} parameters, ${grouped(trained)} of them trained; ${grouped(multiplyAdds)} multiply-adds per step`,
    ...(units.length === 0 ? [] : [`units     ${units.join(', ')}`]),
    `training  ${updates.epochs} epochs of ${grouped(updates.perEpoch)} updates, ${grouped(updates.total)} in all${runs}`,
    `memory    ${fileSize(bytes)} for weights, gradients and optimizer; activations come on top`,
    `writes    ${directory}`,
    ...notes.map((text) => `note: ${text}`),
    'Nothing was written (--dry-run).',
  ].join('\n');
}
