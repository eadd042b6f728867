import { grouped } from '../base/format.ts';
import { TrainingCollapsedError } from './errors.ts';
import type { TrainOptions, TrainStart } from './options.ts';
import type { Progress } from './store.ts';

/** Layers of fewer units are small on purpose. */
const SMALLEST = 4;
/** Of a larger layer nothing is left, for what it could learn, below this share of its units. */
const LEFT = 0.02;

/** A layer that has lost (nearly) all of its units. */
export interface CollapsedLayer {
  readonly name: string;
  /** Units that it began with. */
  readonly units: number;
  readonly alive: number;
}

/**
 * The layers that have one unit left, or nearly none: a layer of that kind hands on next to nothing. `alive` counts the
 * units of each layer, in the order of `layers`; where they are other layers nothing is known.
 */
export function collapsedLayers(layers: TrainStart['layers'], alive: readonly number[]): CollapsedLayer[] {
  if (layers.length !== alive.length) return [];
  return layers.flatMap(({ name, units }, i) => {
    const isCollapsed = units >= SMALLEST && alive[i]! <= Math.max(1, LEFT * units);
    return isCollapsed ? [{ name, units, alive: alive[i]! }] : [];
  });
}

/** Whether all layers that can collapse have. */
export function isCollapsed(layers: TrainStart['layers'], alive: readonly number[]): boolean {
  const large = layers.filter(({ units }) => units >= SMALLEST);
  return large.length > 0 && collapsedLayers(layers, alive).length === large.length;
}

/** What a training knows when it looks for layers that have collapsed. */
export interface Look extends Pick<TrainOptions, 'settings' | 'method' | 'store'> {
  /** As the run began. */
  readonly layers: TrainStart['layers'];
  /** Share of the run's learning that is done before an update. */
  readonly learned: (update: number) => number;
}

/** Where a run is: the epoch that it is in, from 1, and its updates so far. */
interface Moment extends Pick<Progress, 'updates'> {
  readonly epoch: number;
}

/**
 * Throws TrainingCollapsedError where every layer has collapsed under a penalty, dead units are sliced away, so that
 * none can come back, and whole epochs would follow.
 */
export function requireLife(look: Look, moment: Moment, alive: readonly number[]): void {
  const { settings, method, layers, store } = look;
  const { epochs, shrink, trainCollapsed } = settings;
  const { pressure } = method;
  if (pressure === undefined || !pressure.isStructural || !shrink || trainCollapsed) return;
  if (moment.epoch >= epochs || !isCollapsed(layers, alive)) return;
  const reason =
    `training collapsed in epoch ${moment.epoch} of ${epochs}: ${unitsText(collapsedLayers(layers, alive))}, ` +
    'and no unit comes back';
  const checkpoint = store?.place();
  const kept = checkpoint === undefined ? '' : `. A checkpoint is kept in ${checkpoint}`;
  const advice = `Try ${lambdaToTry(look, moment)}, or go on all the same with --train-collapsed${kept}.`;
  throw new TrainingCollapsedError(reason, moment.epoch, advice);
}

/** What to say of layers that collapsed in the last epoch of a history; undefined where none did. */
export function collapseNote(look: Look, progress: Progress): string | undefined {
  const [before, last] = [progress.history.at(-2), progress.history.at(-1)];
  if (look.method.pressure === undefined || last === undefined) return undefined;
  const known = new Set(before && collapsedLayers(look.layers, before.alive).map(({ name }) => name));
  const fresh = collapsedLayers(look.layers, last.alive).filter(({ name }) => !known.has(name));
  if (fresh.length === 0) return undefined;
  return `collapsed: ${unitsText(fresh)}; try ${lambdaToTry(look, progress)}`;
}

function unitsText(layers: readonly CollapsedLayer[]): string {
  const [{ name, units, alive }, ...others] = layers as [CollapsedLayer, ...CollapsedLayer[]];
  const more =
    others.length === 0 ? '' : `, and ${others.length} more ${others.length === 1 ? 'layer' : 'layers'} as few`;
  return `${name} has ${grouped(alive)} of its ${grouped(units)} units left${more}`;
}

/**
 * A λ to try, as a flag. λ killed everything within a share s of the run's learning; s·λ would take the whole run for the
 * same push, against which the data would win. The geometric mean of both, λ √s, lies between; at most λ/2.
 */
function lambdaToTry({ method, learned }: Look, { updates }: Pick<Progress, 'updates'>): string {
  const { flag, lambda } = method.pressure!;
  const share = Math.min(Math.max(learned(updates), 0), 1);
  return `${flag} ${Number((lambda * Math.min(Math.sqrt(share), 0.5)).toPrecision(2))}`;
}
