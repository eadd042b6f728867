import { encode } from 'fast-png';
import { numbersOf } from '../graph/numbers.ts';
import { traitsOf } from '../graph/operators.ts';
import type { Groups } from '../groups/groups.ts';
import { weightsOf } from '../groups/measure.ts';
import type { TracedModel } from '../groups/traceModel.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import type { DrawnAxis, DrawnSegment, WeightMapData } from './data.ts';
import { type KeptUnits, type MapAxis, mapAxis, type Raster, rasterOf, STRENGTHS, THIN } from './weightMap.ts';

/** Most cells of a picture along an axis; the paper's largest layer is [6000, 1500]. */
export const MOST_CELLS = 420;

/** Names of the weight matrices that carry units of some layer. */
export function unitMatrices({ axes }: Groups): Set<string> {
  return new Set(axes.filter(({ role }) => role !== 'bias').map(({ tensor }) => tensor));
}

/** Pictures of every weight matrix along which units of some layer run, as it began and as it is now. */
export function weightMaps(
  { prepared, groups }: TracedModel,
  units: KeptUnits | undefined,
  mostCells = MOST_CELLS,
): WeightMapData[] {
  const weights = weightsOf(constantPerUse(prepared.graph));
  const sizes = groups.layers.map(({ components }) => components.length);
  const known = units ?? { before: sizes, kept: sizes.map((n) => [...Array(n).keys()]) };
  return [...unitMatrices(groups)].flatMap((name): WeightMapData[] => {
    const tensor = weights(name);
    const values = tensor && numbersOf(tensor);
    // ONNX's recurrent weights have a first axis for directions, of size 1 after preparation.
    const dims = tensor?.dims.filter((size, i) => size !== 1 || i >= tensor.dims.length - 2) ?? [];
    if (values === undefined || dims.length !== 2) return [];
    const offset = tensor!.dims.length - 2;
    const [rows, cols] = [0, 1].map((i): MapAxis => {
      const along = groups.axes.find((a) => a.tensor === name && a.axis === offset + i && a.role !== 'bias');
      return mapAxis(groups, along?.components ?? new Int32Array(dims[i]!).fill(-1), known);
    }) as [MapAxis, MapAxis];
    const draw = (laidOut: boolean) => picture(rasterOf(values, [rows, cols], mostCells, laidOut));
    const [down, across] = [rows, cols].map((axis) => drawn(axis, groups.layers)) as [DrawnAxis, DrawnAxis];
    return [{ name, down, across, before: draw(true), after: draw(false) }];
  });
}

/** An axis with names, as a page needs it. */
function drawn({ segments, before, kept }: MapAxis, layers: readonly { name: string; operator: string }[]): DrawnAxis {
  const seen = new Map<number, number>();
  const named = segments.map(({ layer, length }): DrawnSegment => {
    if (layer === undefined) return { name: '', length };
    const { name, operator } = layers[layer]!;
    const nth = seen.get(layer) ?? 0;
    seen.set(layer, nth + 1);
    const repeats = segments.filter((s) => s.layer === layer).length;
    const gates = traitsOf(operator).recurrent?.gates;
    const gate = gates?.length === repeats ? gates[nth]! : `block ${nth + 1}`;
    return { layer, name, ...(repeats > 1 && { gate }), length };
  });
  return { segments: named, before, kept: runsOf(kept) };
}

/** Ascending numbers as runs [first, length], which are far fewer. */
export function runsOf(numbers: Int32Array): [first: number, length: number][] {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const last = runs.at(-1);
    if (last && last[0] + last[1] === n) last[1]++;
    else runs.push([n, 1]);
  }
  return runs;
}

type Color = [red: number, green: number, blue: number, opacity: number];

const GONE: Color = [199, 96, 26, 61];

/** Colours of the levels, on light and dark: orange for removed, grey for zero, blue from faint to full, and mixed. */
const PALETTE: Color[] = [
  GONE,
  [128, 136, 148, 31],
  ...Array.from({ length: THIN * STRENGTHS }, (_, i): Color => {
    const strength = i % STRENGTHS;
    const blue: Color = [42, 111, 214, 70 + (184 * strength) / (STRENGTHS - 1)];
    return mixed(blue, GONE, [1, 0.7, 0.4, 0.2][Math.floor(i / STRENGTHS)]!);
  }),
];

/** The colour that cells of both colours give from afar. */
function mixed(a: Color, b: Color, share: number): Color {
  const [alphaA, alphaB] = [share * a[3], (1 - share) * b[3]];
  const opacity = alphaA + alphaB;
  const [red, green, blue] = [0, 1, 2].map((i) => Math.round((alphaA * a[i]! + alphaB * b[i]!) / opacity));
  // fast-png 8.0 leaves opaque entries out of the list of opacities, which moves those after them to other colours.
  return [red!, green!, blue!, Math.min(254, Math.round(opacity))];
}

function picture({ width, height, levels }: Raster): WeightMapData['before'] {
  const png = encode({ width, height, data: levels, channels: 1, depth: 8, palette: PALETTE });
  return { width, height, png: Buffer.from(png).toString('base64') };
}
