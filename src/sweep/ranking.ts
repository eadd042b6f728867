/*
 * Which of several runs are better when two things count. All objectives are to be small.
 */

/** One value for each objective. */
export type Objectives = readonly number[];

/** True when `a` is nowhere worse than `b` and somewhere better. */
export function dominates(a: Objectives, b: Objectives): boolean {
  return a.every((value, i) => value <= b[i]!) && a.some((value, i) => value < b[i]!);
}

/** For each point whether no other dominates it: the Pareto front. */
export function paretoFront(points: readonly Objectives[]): boolean[] {
  return points.map((point) => !points.some((other) => dominates(other, point)));
}

/**
 * Indices of the points from the best to the worst: by fronts, each being what no other point dominates once the fronts
 * before it are gone (NSGA-II, Deb et al. 2002); within a front the most crowded point is the worst, then the most
 * crowded of those that are left, and so on (Kukkonen and Deb 2006), so that any first few are spread along it. Equal
 * points keep their order. Time grows with the cube of the number of points.
 */
export function ranked(points: readonly Objectives[]): number[] {
  const order: number[] = [];
  let left = points.map((_, i) => i);
  while (left.length > 0) {
    const isFirst = paretoFront(left.map((i) => points[i]!));
    order.push(
      ...spreadOrder(
        left.filter((_, at) => isFirst[at]),
        points,
      ),
    );
    left = left.filter((_, at) => !isFirst[at]);
  }
  return order;
}

/** A front from the point to keep longest to the one to drop first. */
function spreadOrder(front: readonly number[], points: readonly Objectives[]): number[] {
  const dropped: number[] = [];
  const left = [...front];
  while (left.length > 0) {
    const room = crowdingDistances(left.map((i) => points[i]!));
    const worst = room.reduce((worst, distance, at) => (distance <= room[worst]! ? at : worst), 0);
    dropped.push(...left.splice(worst, 1));
  }
  return dropped.reverse();
}

/**
 * Room around each point of a front (Deb et al. 2002): Σ over the objectives of the distance between its neighbours,
 * relative to the range; infinite for the ends.
 */
export function crowdingDistances(front: readonly Objectives[]): number[] {
  const distances = front.map(() => 0);
  const objectives = front[0]?.length ?? 0;
  for (let m = 0; m < objectives; m++) {
    const order = front.map((_, i) => i).sort((a, b) => front[a]![m]! - front[b]![m]! || a - b);
    const value = (at: number) => front[order[at]!]![m]!;
    const last = order.length - 1;
    const range = value(last) - value(0);
    distances[order[0]!] = Number.POSITIVE_INFINITY;
    distances[order[last]!] = Number.POSITIVE_INFINITY;
    if (range === 0) continue;
    for (let at = 1; at < last; at++) distances[order[at]!]! += (value(at + 1) - value(at - 1)) / range;
  }
  return distances;
}
