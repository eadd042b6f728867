import { grouped } from '../base/format.ts';
import { median } from '../bench/statistics.ts';
import { groupNorms, weightsOf } from '../groups/measure.ts';
import type { FirstModel } from '../methods/kind.ts';
import { TrainingCollapsedError } from './errors.ts';
import type { EpochMetrics } from './metrics.ts';
import type { TrainOptions, TrainStart } from './options.ts';

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
  const large = layers.filter(({ units, isFixed }) => units >= SMALLEST && !isFixed);
  return large.length > 0 && collapsedLayers(layers, alive).length === large.length;
}

/** What a training knows when it looks for layers that have collapsed. */
export interface Look extends Pick<TrainOptions, 'settings' | 'method' | 'store' | 'onCollapse'> {
  /** As the run began. */
  readonly layers: TrainStart['layers'];
  /** `mildLambda` of the run; undefined where no units can be traced. */
  readonly mildLambda: () => number | undefined;
}

/** λ whose pull alone would take all of a run to bring the median of the first norms to zero: ‖w‖ / Σ η. */
export function mildLambda({ groups, graph }: FirstModel, totalRate: number): number | undefined {
  const norms = [...groupNorms(groups, weightsOf(graph))];
  return norms.length === 0 ? undefined : median(norms) / totalRate;
}

/** What looks at a training now and then: the epoch (from 1) that it is in, and how many units of each layer are alive. */
export type LifeWatch = (epoch: number, alive: readonly number[]) => void;

/**
 * A watch over a training that begins or goes on after `history`. It throws TrainingCollapsedError where every layer has
 * collapsed under a penalty, dead units are sliced away, so that none can come back, and whole epochs would follow; of a
 * layer that collapses otherwise it tells `onCollapse`, once.
 */
export function lifeWatch(look: Look, history: readonly EpochMetrics[]): LifeWatch {
  const { layers, method, onCollapse } = look;
  const told = new Set(collapsedLayers(layers, history.at(-1)?.alive ?? []).map(({ name }) => name));
  return (epoch, alive) => {
    if (method.pressure === undefined) return;
    requireLife(look, epoch, alive);
    const fresh = collapsedLayers(layers, alive).filter(({ name }) => !told.has(name));
    for (const { name } of fresh) told.add(name);
    if (fresh.length > 0) onCollapse?.(`collapsed: ${unitsText(fresh)}; try ${lambdaToTry(look)}`);
  };
}

function requireLife(look: Look, epoch: number, alive: readonly number[]): void {
  const { settings, method, layers, store } = look;
  const { epochs, shrink, trainCollapsed } = settings;
  if (!method.pressure?.isStructural || !shrink || trainCollapsed) return;
  if (epoch >= epochs || !isCollapsed(layers, alive)) return;
  const lost = unitsText(collapsedLayers(layers, alive));
  const checkpoint = store?.place();
  const kept = checkpoint === undefined ? '' : ` A checkpoint is kept in ${checkpoint}.`;
  throw new TrainingCollapsedError(
    `training collapsed in epoch ${epoch} of ${epochs}: ${lost}, and no unit comes back`,
    epoch,
    `Try ${lambdaToTry(look)}, or go on all the same with --train-collapsed.${kept}`,
  );
}

function unitsText(layers: readonly CollapsedLayer[]): string {
  const [{ name, units, alive }, ...others] = layers as [CollapsedLayer, ...CollapsedLayer[]];
  const more =
    others.length === 0 ? '' : `, and ${others.length} more ${others.length === 1 ? 'layer' : 'layers'} as few`;
  return `${name} has ${grouped(alive)} of its ${grouped(units)} units left${more}`;
}

/**
 * A λ to try, as a flag: the geometric mean of λ, which takes all units, and a mild one, which the data would outdo; at
 * most λ/2. Single weights, of which nothing of the kind is known, are pressed a tenth as much.
 */
function lambdaToTry({ method, mildLambda }: Look): string {
  const { flag, lambda, isStructural } = method.pressure!;
  const mild = isStructural ? mildLambda() : undefined;
  const wanted = mild === undefined ? lambda / 10 : Math.min(Math.sqrt(lambda * mild), lambda / 2);
  return `${flag} ${Number(wanted.toPrecision(2))}`;
}
