import type { GroupLayer } from '../groups.ts';

/** A layer with the identities of its units. */
export interface TracedLayer {
  /** The node's; of a cell that is spelled out `loopTitle`, or what `stateCells` and `unrolledCells` call it. */
  readonly name: string;
  readonly operator: string;
  readonly ids: Int32Array;
  /** What makes the weights, where the trace does not follow it: that keeps all units. */
  readonly keptBy?: GroupLayer['keptBy'];
}
