import { UsageError } from '../../base/errors.ts';
import { sizeOf } from '../../graph/dims.ts';
import type { Model, Tensor, ValueInfo } from '../../graph/types.ts';
import { batchAxes } from '../../slim/batchAxes.ts';
import { type NamedArrays, streamingStates } from '../arrays/examples.ts';
import type { DistillationFields } from './definition.ts';

/**
 * Recordings [T, …] of a model of one step as sequences of `steps` steps: [T / steps, steps, …]; what is left at the end
 * does not count. Arrays that are sequences [N, T, …] already, and those of other models, stay as they are. Throws a
 * UsageError for recordings that are shorter.
 */
export function cutRecordings(
  model: Model,
  { source, arrays }: NamedArrays,
  { steps, input = {}, ...fields }: DistillationFields,
): NamedArrays {
  const states = new Set(streamingStates(model, fields).map((s) => s.input));
  if (steps === undefined || states.size === 0) return { source, arrays };
  const fed = model.graph.inputs.filter(({ name }) => !states.has(name) && arrays.has(input[name] ?? name));
  const axes = batchAxes(model.graph);
  const isStep = ({ name, type: { shape = [] } }: ValueInfo) => {
    const own = shape.filter((dim, axis) => dim !== 1 && !(typeof dim === 'string' && axis === axes.get(name)));
    const given = arrays.get(input[name] ?? name)!.dims.slice(1);
    return given.filter((dim) => dim !== 1).length === own.length;
  };
  if (fed.length === 0 || !fed.every(isStep)) return { source, arrays };
  const names = new Set(fed.map(({ name }) => input[name] ?? name));
  const cut = [...arrays].map(([name, array]): [string, Tensor] => [
    name,
    names.has(name) ? cutRecording(array, steps, `${source}: array '${name}'`) : array,
  ]);
  return { source, arrays: new Map(cut) };
}

function cutRecording(array: Tensor, steps: number, what: string): Tensor {
  const [total = 0, ...each] = array.dims;
  const count = Math.floor(total / steps);
  if (count === 0) throw new UsageError(`${what} has ${total} steps, fewer than a sequence of --steps ${steps}`);
  const data = array.data.slice(0, count * steps * sizeOf(each));
  return { ...array, dims: [count, steps, ...each], data } as Tensor;
}
