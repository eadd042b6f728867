import { isStatic } from '../../graph/dims.ts';
import { isRecurrent } from '../../graph/operators.ts';
import { producers } from '../../graph/rewrite.ts';
import { type StatePair, statesOf } from '../../graph/states.ts';
import type { Dim, Graph, Model } from '../../graph/types.ts';
import { stepFlowOf } from './pairs.ts';
import { flatten, type Part } from './parts.ts';
import type { Place } from './place.ts';

/** An axis of a state along which several layers lie one behind another, and the one along which their units lie. */
export interface StackedAxis extends StatePair {
  readonly axis: number;
  readonly units: number;
  /** Sizes of both. */
  readonly layers: number;
  readonly size: number;
}

/** The first axis of each streaming state that stacks layers (or the directions of one), h and c of a layer apart. */
export function stackedAxes(model: Model): StackedAxis[] {
  const { graph } = model;
  const states = statesOf(model);
  const layers = layersOfParts(graph, states);
  return states.flatMap(({ input, output }): StackedAxis[] => {
    const shape = graph.inputs.find((v) => v.name === input)?.type.shape;
    const place = shape && axesOf(shape, layers.get(input) ?? []);
    if (place === undefined) return [];
    const [count, size] = [shape![place.axis], shape![place.units]];
    if (typeof count !== 'number' || typeof size !== 'number' || count < 2) return [];
    return [{ input, output, ...place, layers: count, size }];
  });
}

/** A part of a state and the layer that takes it. */
interface OwnedPart extends Part {
  readonly layer: number;
}

function axesOf(shape: readonly Dim[], parts: readonly OwnedPart[]): Pick<StackedAxis, 'axis' | 'units'> | undefined {
  const layers = new Set(parts.map((part) => part.layer));
  // As the operators have it: [layers or directions, batch, units].
  const places = parts.flatMap(({ place, layer }) => (place ? [{ place, layer }] : []));
  if (shape.length === 3 && (parts.length === 1 || places.length < parts.length)) return { axis: 0, units: 2 };
  if (layers.size < 2 || places.length < parts.length) return undefined;
  const cut = shape.flatMap((size, axis) => {
    const starts = new Set(places.map(({ place }) => place.startsAlong(axis)));
    if (starts.size < 2 || !isStatic([size])) return [];
    // Layers that lie apart along this axis and no other one; h and c of a layer may do so along another.
    const apart = (a: Place, b: Place) =>
      shape.every((_, i) => (a.startsAlong(i) === b.startsAlong(i)) === (i !== axis));
    const differ = places.some((a) => places.some((b) => a.layer !== b.layer && apart(a.place, b.place)));
    return [{ axis, single: starts.size === size, differ }];
  });
  // Units of several layers side by side are apart already.
  const row = cut.find((c) => !c.single)?.axis;
  const units =
    row ?? shape.findLastIndex((size, i) => typeof size === 'number' && size > 1 && !cut.some((c) => c.axis === i));
  const stack = cut.find((c) => c.single && c.differ);
  return stack && units >= 0 ? { axis: stack.axis, units } : undefined;
}

/** The parts of each state that layers take, by its input. */
function layersOfParts(graph: Graph, states: readonly StatePair[]): Map<string, OwnedPart[]> {
  const inputs = graph.inputs.map((v) => v.name);
  const { flow, starts } = stepFlowOf(graph, states, inputs);
  const made = producers(flatten(graph).nodes);
  const layerOf = new Map<string, number>();
  let count = 0;
  const numbered = [...starts].map(([input, parts]) => {
    const owned = parts.flatMap((part): OwnedPart[] => {
      const keys = [...flow.relationsOf(part.value).keys()].map((end) => {
        const node = made.get(end);
        return node && isRecurrent(node) ? node.outputs.join() : end;
      });
      if (keys.length === 0) return [];
      const layer = keys.map((key) => layerOf.get(key)).find((n) => n !== undefined) ?? count++;
      for (const key of keys) if (!layerOf.has(key)) layerOf.set(key, layer);
      return [{ ...part, layer }];
    });
    return [input, owned] as const;
  });
  return new Map(numbered);
}
