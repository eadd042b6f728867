import type { Value } from '../graph/builder.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Buffer32 } from '../kernels/memory.ts';

/*
 * An optimizer turns the gradient of each parameter into the direction of its step; penalty, clipping, the step itself
 * and the threshold are the same for all. What it remembers lies in slots: buffers as long as the parameter, in the same
 * memory.
 */

/** A buffer for each parameter. */
export interface SlotKind {
  /** 'mean', 'square', 'velocity', 'average'. */
  readonly name: string;
  /** What it holds at first, and where it is reset: zeros, or the weights themselves. */
  readonly start: 'zeros' | 'weights';
}

/** A parameter as an optimizer sees it. */
export interface OptimizedParameter {
  readonly name: string;
  readonly weights: Buffer32;
  readonly gradient: Buffer32;
  /** One buffer for each of the optimizer's slots, by name. */
  readonly slots: Readonly<Record<string, Buffer32>>;
}

/** The update that is about to happen, or that has happened. */
export interface StepMoment {
  /** Number of the update, from 0. */
  readonly update: number;
  /** η, the learning rate. */
  readonly rate: number;
  /** Factor of clipping times that of the loss: gradient in memory · scale is what is followed. */
  readonly scale: number;
}

/** What must go into a checkpoint besides the slots. */
export type OptimizerState = Readonly<Record<string, number | readonly number[]>>;

/** A rule by which weights follow gradients. */
export interface Optimizer {
  readonly name: string;
  readonly slots: readonly SlotKind[];
  /**
   * Replaces g in memory by the direction d of the step w ← w − η·d. Left out by plain gradient descent, whose direction
   * is the scaled gradient: penalty and step are then one pass through memory, and rows of an embedding that no word of
   * the batch looked up are not touched.
   */
  direction?(kernels: Kernels, parameter: OptimizedParameter, moment: StepMoment): void;
  /**
   * Whether a direction of its own is the scaled gradient all the same, but for a decay. What a step is followed by, such
   * as the proximal step, is then as long as the clipped step; else as long as the learning rate.
   */
  readonly isDescent?: boolean | undefined;
  /** Acts after all weights have moved and thresholds are done, parameter by parameter: averages of weights. */
  afterUpdate?(kernels: Kernels, parameter: OptimizedParameter, moment: StepMoment): void;
  /**
   * The slot whose weights are scored and saved, not those in training, if any; 0 where these are 0. May change with
   * `afterEpoch`.
   */
  evaluated?(): string | undefined;
  /**
   * Learns the deciding score on held-out data, in a form of which less is better, which share of the run's epochs is done,
   * and how many are left. There is no score without such data, and while a method is on its way to what it was asked for.
   */
  afterEpoch?(score: number | undefined, share: number, left: number): void;
  /** What must go into a checkpoint; an optimizer is made with it to go on. */
  state?(): OptimizerState;
  /** The same rule as nodes of a graph, for weights that stay on a device; absent where there is none. */
  readonly nodes?: OptimizerNodes | undefined;
}

/** A parameter in the graph of an update: values of its own dimensions. */
export interface NodeParameter {
  readonly weights: Value;
  /** What is followed: the whole gradient, scaled and clipped. */
  readonly gradient: Value;
  /** One value for each of the optimizer's slots, by name. */
  readonly slots: Readonly<Record<string, Value>>;
}

/** Finds a number of the update, a scalar, by the name that `numbers` has for it. */
export type NumberOf = (name: string) => Value;

/** An optimizer's rule as nodes; see `Optimizer` for what `direction` and `afterUpdate` stand for. */
export interface OptimizerNodes {
  /** What the nodes need to know of an update, worked out once for each. */
  readonly numbers: Readonly<Record<string, (moment: Pick<StepMoment, 'update' | 'rate'>) => number>>;
  /** The direction, and the slots that it changes. Left out by plain gradient descent. */
  direction?(parameter: NodeParameter, number: NumberOf): { direction: Value; slots: Readonly<Record<string, Value>> };
  /** The slots that it changes once the weights have moved. */
  afterUpdate?(parameter: Pick<NodeParameter, 'weights' | 'slots'>, number: NumberOf): Readonly<Record<string, Value>>;
}

/** Fills the slots of a parameter as at the start; with `places`, only at these indices. */
export function resetSlots(
  optimizer: Optimizer,
  { weights, slots }: OptimizedParameter,
  places?: Iterable<number>,
): void {
  for (const { name, start } of optimizer.slots) {
    const { data } = slots[name]!;
    if (places === undefined) {
      if (start === 'weights') data.set(weights.data);
      else data.fill(0);
    } else for (const i of places) data[i] = start === 'weights' ? weights.data[i]! : 0;
  }
}
