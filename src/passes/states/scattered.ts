import { isFloat } from '../../graph/elementTypes.ts';
import type { StatePair } from '../../graph/states.ts';
import type { Graph, ValueInfo } from '../../graph/types.ts';
import { alike, stepFlowOf } from './pairs.ts';

/** States that go in as one tensor and come out as several, or the other way round. */
export interface ScatteredStates {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Such states among the inputs and outputs that are in no pair. */
export function scatteredStates(graph: Graph, pairs: readonly StatePair[]): ScatteredStates[] {
  const inputs = graph.inputs.filter((v) => isFloat(v.type.elementType) && !pairs.some((p) => p.input === v.name));
  const outputs = graph.outputs.filter((v) => !pairs.some((p) => p.output === v.name));
  const all = inputs.flatMap((input) => outputs.map((output) => ({ input: input.name, output: output.name })));
  if (all.length < 2) return [];
  const { flow, starts, endings } = stepFlowOf(graph, all);
  const relations = new Map(inputs.map(({ name }) => [name, starts.get(name)!.map((p) => flow.relationsOf(p.value))]));
  const kindsOf = (input: ValueInfo, output: ValueInfo) => {
    const ends = endings.get(output.name)!.parts;
    return relations.get(input.name)!.flatMap((found) => ends.flatMap(({ value }) => found.get(value) ?? []));
  };
  const strong = (input: ValueInfo, output: ValueInfo) => kindsOf(input, output).some((kind) => kind !== 'product');
  /** What a gate or a layer carries; what only a product does counts beside it where it looks the same. */
  const among = (list: readonly ValueInfo[], kinds: (v: ValueInfo) => readonly string[]) => {
    const sure = list.filter((v) => kinds(v).some((kind) => kind !== 'product'));
    return list.filter((v) => sure.includes(v) || (kinds(v).length > 0 && sure.some((other) => alike(v, other))));
  };
  const names = (list: readonly ValueInfo[]) => list.map((v) => v.name);
  const joined = outputs.flatMap((output): ScatteredStates[] => {
    if (inputs.some((input) => strong(input, output) && alike(input, output))) return [];
    const from = among(inputs, (input) => kindsOf(input, output));
    return from.length > 1 ? [{ inputs: names(from), outputs: [output.name] }] : [];
  });
  const parted = inputs.flatMap((input): ScatteredStates[] => {
    if (outputs.some((output) => strong(input, output) && alike(input, output))) return [];
    const to = among(outputs, (output) => kindsOf(input, output));
    return to.length > 1 ? [{ inputs: [input.name], outputs: names(to) }] : [];
  });
  return [...joined, ...parted];
}
