import { intAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { producers, renameInputs } from '../graph/rewrite.ts';
import { statesOf } from '../graph/states.ts';
import type { Dim, Model, Node, ValueInfo } from '../graph/types.ts';
import { PartWriter, plainNode } from './parts.ts';

/**
 * The same model with every streaming state [L, B, H] that stacks L layers as [1, B, L·H], layer after layer, so that
 * each layer can lose units of its own. This changes what callers feed and get. Returned as it is when no state does
 * so.
 */
export function unstackStates(model: Model): Model {
  const { graph } = model;
  const stacked = statesOf(model).flatMap(({ input, output }) => {
    const shape = graph.inputs.find((v) => v.name === input)?.type.shape;
    const [layers, , units] = shape ?? [];
    if (shape?.length !== 3 || typeof layers !== 'number' || layers < 2 || typeof units !== 'number') return [];
    return [{ input, output, layers, units }];
  });
  if (stacked.length === 0) return model;

  // Inside, the states keep their shapes under other names.
  const inside = (name: string) => `${name}.layers`;
  const renamed = new Map(stacked.map(({ input }) => [input, inside(input)]));
  const outputs = new Map(stacked.map(({ output }) => [output, inside(output)]));
  const rename = (node: Node): Node => ({
    ...renameInputs(node, new Map([...renamed, ...outputs])),
    outputs: node.outputs.map((name) => outputs.get(name) ?? name),
  });
  const entries = stacked.map(({ input }) => plainNode('Identity', [input], [inside(input)]));
  const before: Model = {
    ...model,
    graph: {
      ...graph,
      nodes: [...entries, ...graph.nodes.map(rename)],
      outputs: graph.outputs.map((o) => ({ ...o, name: outputs.get(o.name) ?? o.name })),
    },
  };
  const writer = new PartWriter(before);
  for (const { input, layers, units } of stacked) {
    const pieces = splitInto(
      writer,
      input,
      2,
      Array.from({ length: layers }, () => units),
    );
    const names = pieces.map((piece) => writer.emit('Squeeze', [piece], {}, [0]));
    writer.parts.set(inside(input), { names, axis: 0, stacked: true });
  }
  for (const node of before.graph.nodes) if (!entries.includes(node)) writer.pass(node);
  const made = producers(before.graph.nodes);
  for (const { output, layers } of stacked) {
    const pieces = layersOf(writer, made, inside(output), layers);
    writer.nodes.push(plainNode('Concat', pieces, [output], { axis: { type: 'int', value: 2 } }));
  }
  const shapes = new Map(stacked.flatMap(({ input, output, ...sizes }) => [[input, sizes] as const, [output, sizes]]));
  const flat = (info: ValueInfo): ValueInfo => {
    const sizes = shapes.get(info.name);
    const batch: Dim | undefined = info.type.shape?.[1];
    if (sizes === undefined || batch === undefined) return info;
    return { ...info, type: { ...info.type, shape: [1, batch, sizes.layers * sizes.units] } };
  };
  const border = { inputs: graph.inputs.map(flat), outputs: graph.outputs.map(flat) };
  return { ...model, graph: writer.finish(border) };
}

/** The layers [1, B, H] that a final state [L, B, H] is made of. */
function layersOf(
  writer: PartWriter,
  made: ReadonlyMap<string, Node>,
  name: string,
  layers: number,
): readonly string[] {
  const parts = writer.parts.get(name);
  if (parts?.axis === 0 && parts.names.length === layers) {
    return parts.stacked ? parts.names.map((part) => writer.emit('Unsqueeze', [part], {}, [0])) : parts.names;
  }
  let node = made.get(name);
  while (node?.op === 'Identity') node = made.get(node.inputs[0]!);
  if (node?.op === 'Concat' && normalizeAxis(intAttribute(node, 'axis', 0), 3) === 0 && node.inputs.length === layers) {
    return node.inputs;
  }
  writer.whole(name);
  return splitInto(
    writer,
    name,
    0,
    Array.from({ length: layers }, () => 1),
  );
}

/** A Split into pieces of these sizes, in the form of the model's operator set. */
function splitInto(writer: PartWriter, name: string, axis: number, sizes: readonly number[]): string[] {
  const outputs = sizes.map((_, i) => writer.fresh(`${name}.${i}`));
  const along = { axis: { type: 'int', value: axis } } as const;
  if (writer.axesAreAttributes) {
    writer.nodes.push(plainNode('Split', [name], outputs, { ...along, split: { type: 'ints', value: sizes } }));
  } else {
    writer.nodes.push(plainNode('Split', [name, writer.constant(sizes)], outputs, along));
  }
  return outputs;
}
