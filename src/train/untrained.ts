import { foreignInputs, foreignTraits } from '../graph/foreign.ts';
import { titleOf } from '../graph/names.ts';
import { storedTensors } from '../graph/stored.ts';
import type { TrainableForm } from './trainableForm.ts';

const MOST_NAMED = 6;

/** What a user should know of weights that are stored as whole numbers: they stay as they are, and why. */
export function untrainedNotes({ model: { graph }, weights }: TrainableForm): string[] {
  const { weights: read } = foreignInputs(graph);
  const left = [...storedTensors(graph)].filter(([name, { dims }]) => {
    return read.has(name) && dims.length > 0 && !weights.has(name);
  });
  if (left.length === 0) return [];
  const readers = graph.nodes.filter((node) =>
    foreignTraits(node)?.weights.some((i) => left.some(([name]) => name === node.inputs[i])),
  );
  const named = left.slice(0, MOST_NAMED).map(([name, { elementType }]) => `'${name}' (${elementType})`);
  const more = left.length > MOST_NAMED ? `, and ${left.length - MOST_NAMED} more` : '';
  const where = readers.length > 0 ? `, read by ${readers.slice(0, MOST_NAMED).map(titleOf).join(', ')}` : '';
  return [`not trained, because they are quantized: ${named.join(', ')}${more}${where}; train before quantizing`];
}
