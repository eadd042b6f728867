import type { Numbers } from '../graph/numbers.ts';
import type { Groups } from '../groups/groups.ts';

/** An axis of a weight as it was when the training began, and which of its indices are left. */
export interface MapAxis {
  /**
   * Stretches that belong together, in indices of the model as it began: the units of one layer for one gate, or, without
   * a layer, indices that always stay.
   */
  readonly segments: readonly { readonly layer: number | undefined; readonly length: number }[];
  /** Indices at the beginning. */
  readonly before: number;
  /** First number of each index that is left, ascending within a segment. */
  readonly kept: Int32Array;
}

/** Which units each layer began with, and which of them it still has. */
export interface KeptUnits {
  readonly before: readonly number[];
  readonly kept: readonly (readonly number[])[];
}

/**
 * Lays the indices of a tensor's axis out as they were before units were removed. The axis is read as stretches of
 * ascending units of one layer, so gates one behind the other and concatenated layers both come out. `axis` holds the
 * component of each index, -1 where it always stays.
 */
export function mapAxis(groups: Groups, axis: Int32Array, units: KeptUnits): MapAxis {
  const owner = unitsByComponent(groups);
  const segments: { layer: number | undefined; length: number }[] = [];
  const kept = new Int32Array(axis.length);
  let start = 0;
  let last: { layer: number; unit: number } | undefined;
  for (const [index, component] of axis.entries()) {
    const at = component < 0 ? undefined : owner.get(component);
    const continues = at !== undefined && last?.layer === at.layer && at.unit > last.unit;
    if (!continues) {
      const open = segments.at(-1);
      if (at === undefined && open !== undefined && open.layer === undefined) open.length++;
      else {
        start += open?.length ?? 0;
        segments.push({ layer: at?.layer, length: at === undefined ? 1 : units.before[at.layer]! });
      }
    }
    kept[index] = at === undefined ? start + segments.at(-1)!.length - 1 : start + units.kept[at.layer]![at.unit]!;
    last = at;
  }
  return { segments, before: start + (segments.at(-1)?.length ?? 0), kept };
}

function unitsByComponent(groups: Groups): Map<number, { layer: number; unit: number }> {
  const owner = new Map<number, { layer: number; unit: number }>();
  for (const [layer, { components }] of groups.layers.entries()) {
    for (const [unit, k] of components.entries()) if (k >= 0 && !owner.has(k)) owner.set(k, { layer, unit });
  }
  return owner;
}

/**
 * Levels of a cell of a map: all removed, all that is left zero, and then ZERO + strength + STRENGTHS · thinness.
 * Strength 1 to STRENGTHS is |w| relative to the largest cell, in factors of two; thinness 0 to THIN − 1 says how much
 * of the cell was removed: nothing, up to a half, up to three quarters, more.
 */
export const REMOVED = 0;
export const ZERO = 1;
export const STRENGTHS = 9;
export const THIN = 4;

/** A picture of a matrix: a level for each cell, row by row. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly levels: Uint8Array;
}

/**
 * Draws a matrix [rows, cols] of what is left, as it began (`laidOut`) or alone. A cell shows the root mean square of
 * its weights, several where there are more than `most` along an axis.
 */
export function rasterOf(
  values: Numbers,
  [rows, cols]: readonly [MapAxis, MapAxis],
  most: number,
  laidOut: boolean,
): Raster {
  const [down, across] = [cellsOf(rows, most, laidOut), cellsOf(cols, most, laidOut)];
  const [height, width] = [down.sizes.length, across.sizes.length];
  const squares = new Float64Array(width * height);
  const counts = new Uint32Array(width * height);
  const columns = cols.kept.length;
  for (let i = 0; i < rows.kept.length; i++) {
    const line = down.cell[i]! * width;
    for (let j = 0; j < columns; j++) {
      const cell = line + across.cell[j]!;
      const w = Number(values[i * columns + j]!);
      squares[cell]! += w * w;
      counts[cell]!++;
    }
  }
  const sizeOf = (cell: number) => down.sizes[Math.floor(cell / width)]! * across.sizes[cell % width]!;
  return { width, height, levels: levelsOf(squares, counts, sizeOf) };
}

/** Into which cell of an axis each index that is left falls, and how many indices each cell covers, left or not. */
function cellsOf({ before, kept }: MapAxis, most: number, laidOut: boolean) {
  const length = laidOut ? before : kept.length;
  const count = Math.max(1, Math.min(length, most));
  const cell = kept.map((origin, index) => Math.floor(((laidOut ? origin : index) * count) / length));
  const sizes = new Uint32Array(count);
  for (let index = 0; index < length; index++) sizes[Math.floor((index * count) / length)]!++;
  return { cell, sizes };
}

function levelsOf(squares: Float64Array, counts: Uint32Array, sizeOf: (cell: number) => number): Uint8Array {
  let most = 0;
  for (let cell = 0; cell < squares.length; cell++) {
    if (counts[cell]! > 0) most = Math.max(most, squares[cell]! / counts[cell]!);
  }
  return Uint8Array.from(squares, (sum, cell) => {
    if (counts[cell] === 0) return REMOVED;
    if (sum === 0) return ZERO;
    // A factor of 4 in the square is a factor of 2 in |w|.
    const steps = Math.floor(Math.log2(most / (sum / counts[cell]!)) / 2);
    const left = counts[cell]! / sizeOf(cell);
    const thinness = [1, 0.5, 0.25, 0].findIndex((share) => left >= share);
    return ZERO + Math.max(1, STRENGTHS - steps) + STRENGTHS * thinness;
  });
}
