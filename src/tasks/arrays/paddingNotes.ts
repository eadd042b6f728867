import { grouped } from '../../base/format.ts';
import { lengthsBeforePadding } from '../../data/arrays/padding.ts';
import { nodeTitle } from '../../graph/names.ts';
import { isRecurrent } from '../../graph/operators.ts';
import type { Graph, Tensor } from '../../graph/types.ts';
import { directionsOf } from '../../recurrent/directions.ts';
import { useOfInput } from '../../verify/inputUses.ts';
import type { ArraysFields } from './definition.ts';
import type { NamedArrays } from './examples.ts';

/** What the user should know of arrays that their reader padded: targets that do not count, inputs that layers read. */
export function paddingNotes(
  graph: Graph,
  { source, arrays }: NamedArrays,
  fields: Pick<ArraysFields, 'targetArray' | 'input' | 'mask'>,
): string[] {
  const targets = arrays.get(fields.targetArray);
  const ragged = targets && lengthsBeforePadding(targets);
  const notes: string[] = [];
  if (targets && ragged) {
    const steps = stepsOf(targets);
    const left = steps * targets.dims[0]! - sum(ragged);
    notes.push(
      `note: ${source}: '${fields.targetArray}' was padded to ${steps} steps; the ${grouped(left)} steps that are padding do not count`,
    );
  }
  return [...notes, ...readPaddingNotes(graph, { source, arrays }, fields, ragged !== undefined)];
}

/**
 * What layers read that the reader of a file padded, where nothing tells the model; `isLeftOut` where steps that are
 * padding do not count, so that only layers that begin in it matter.
 */
export function readPaddingNotes(
  graph: Graph,
  { source, arrays }: NamedArrays,
  fields: Pick<ArraysFields, 'input'>,
  isLeftOut: boolean,
): string[] {
  // With lengths for the layers, or a mask as an input, the model can tell.
  const tells = graph.inputs.some(
    ({ name, type }) => useOfInput(graph, name, {}).kind === 'length' || isMask(name, type.elementType),
  );
  const padded = graph.inputs
    .map(({ name }) => fields.input?.[name] ?? name)
    .filter((name) => paddingIn(arrays.get(name)));
  const backwards = graph.nodes.find((node) => isRecurrent(node) && directionsOf(node).includes(true));
  if (padded.length === 0 || tells || (isLeftOut && backwards === undefined)) return [];
  const who = backwards ? `'${nodeTitle(backwards)}' reads backwards and begins in it` : 'its last steps are padding';
  return [
    `note: ${source}: '${padded.join("', '")}' was padded with zeros at the end, and the model has no input for lengths: ` +
      `${who} in all but the longest examples`,
  ];
}

function isMask(name: string, elementType: string): boolean {
  return elementType === 'bool' || /mask/i.test(name);
}

function paddingIn(array: Tensor | undefined): boolean {
  return array !== undefined && lengthsBeforePadding(array) !== undefined;
}

function stepsOf({ dims }: Tensor): number {
  return dims[1] ?? 1;
}

function sum({ data }: Tensor): number {
  return Array.from(data, Number).reduce((a, b) => a + b, 0);
}
