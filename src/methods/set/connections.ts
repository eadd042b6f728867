import type { ConnectionTable, Matrix } from '../method.ts';

/*
 * The connections of a block: a table, a matrix, or the rows of one gate in it. Places are counted row by row within the
 * block. However the weights are stored, connections move in the same way.
 */

/** Connections that can move. */
export interface Connections {
  /** Identifies the block in the model, whatever else there is. */
  readonly name: string;
  /** Places, with a connection or without. */
  readonly size: number;
  /** Places of all connections, ascending, and their weights. */
  read(): { readonly places: Uint32Array; readonly weights: Float32Array };
  /** Takes connections away (1 in `gone`) and makes new ones with these weights at places that are free then. */
  replace(gone: Uint8Array, places: Uint32Array, weights: Float32Array): void;
}

type Reset = (of: { readonly name: string }, places: Iterable<number>) => void;

/** The connections of a part of a masked matrix, from one flat place to another. */
export function maskedConnections(matrix: Matrix, [from, to]: readonly [number, number], reset: Reset): Connections {
  const mask = matrix.mask!.subarray(from, to);
  const own = matrix.weights.subarray(from, to);
  const places = () => {
    const found: number[] = [];
    for (let i = 0; i < mask.length; i++) if (mask[i] === 1) found.push(i);
    return Uint32Array.from(found);
  };
  return {
    name: `${matrix.name} ${from}`,
    size: mask.length,
    read() {
      const found = places();
      return { places: found, weights: Float32Array.from(found, (i) => own[i]!) };
    },
    replace(gone, grown, weights) {
      for (const [n, i] of places().entries()) {
        if (gone[n] !== 1) continue;
        mask[i] = 0;
        own[i] = 0;
      }
      for (const [n, i] of grown.entries()) {
        mask[i] = 1;
        own[i] = weights[n]!;
      }
      reset(
        matrix,
        Array.from(grown, (i) => from + i),
      );
    },
  };
}

/** The connections of a table. */
export function tableConnections(table: ConnectionTable, reset: Reset): Connections {
  const [rows, size] = table.dims as [number, number];
  return {
    name: table.name,
    size: rows * size,
    read() {
      const { rowStarts, columns, weights } = table;
      const places = new Uint32Array(weights.length);
      for (let row = 0; row < rows; row++) {
        for (let i = rowStarts[row]!; i < rowStarts[row + 1]!; i++) places[i] = row * size + columns[i]!;
      }
      return { places, weights };
    },
    replace: (gone, places, weights) => reset(table, table.replace(gone, places, weights)),
  };
}
