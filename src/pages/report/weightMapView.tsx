import { useState } from 'preact/hooks';
import type { DrawnAxis, Picture, WeightMapData } from '../../report/data.ts';

/** A weight matrix as it began, with what was removed, beside what is left (the paper's Figures 4 and 5). */
export function WeightMapView({ map }: { map: WeightMapData }) {
  const { down, across, isTurned } = map;
  const sizes = (left: (axis: DrawnAxis) => number) =>
    (isTurned ? [across, down] : [down, across]).map(left).join(', ');
  const left = (axis: DrawnAxis) => countBelow(axis.kept, axis.before);
  const before = sizes((axis) => axis.before);
  const after = sizes(left);
  return (
    <div class="card">
      <h3>
        <code>{map.name}</code>{' '}
        <span class="quiet small">{before === after ? `[${before}], all of it left` : `[${before}] → [${after}]`}</span>
      </h3>
      <div class="maps">
        <MapPicture map={map} picture={map.before} title="as it began" isLaidOut share={1} />
        {before !== after && (
          <MapPicture
            map={map}
            picture={map.after}
            title="as it is, to the same scale"
            isLaidOut={false}
            share={left(across) / across.before}
          />
        )}
      </div>
    </div>
  );
}

interface MapPictureProps {
  readonly map: WeightMapData;
  readonly picture: Picture;
  readonly title: string;
  /** Whether the picture has the removed rows and columns too. */
  readonly isLaidOut: boolean;
  /** Width relative to the first picture. */
  readonly share: number;
}

/** Where the pointer or the arrow keys are, in cells. */
interface Cell {
  readonly x: number;
  readonly y: number;
}

function MapPicture({ map, picture, title, isLaidOut, share }: MapPictureProps) {
  const [cell, point] = useState<Cell>();
  const { width, height, png } = picture;
  const { down, across } = map;
  const left = (axis: DrawnAxis) => (isLaidOut ? axis.before : countBelow(axis.kept, axis.before));
  const pointed = (event: PointerEvent & { readonly currentTarget: HTMLElement }) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = (offset: number, extent: number, count: number) =>
      Math.max(0, Math.min(count - 1, Math.floor((offset / extent) * count)));
    point({ x: at(event.clientX - box.left, box.width, width), y: at(event.clientY - box.top, box.height, height) });
  };
  const moved = (event: KeyboardEvent) => {
    const step = event.shiftKey ? 10 : 1;
    const [dx, dy] = ARROWS[event.key] ?? [0, 0];
    if (dx === 0 && dy === 0) return;
    event.preventDefault();
    const { x, y } = cell ?? { x: 0, y: 0 };
    const clamp = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
    point({ x: clamp(x + dx * step, width), y: clamp(y + dy * step, height) });
  };
  const where = cell && describe(map, picture, cell, isLaidOut);
  return (
    <figure>
      <figcaption class="quiet small">{title}</figcaption>
      <section
        class="map"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move over the picture, as the pointer does.
        tabIndex={0}
        aria-label={`${map.name} ${title}; arrow keys move, with Shift by ten`}
        onPointerMove={pointed}
        onPointerDown={pointed}
        onPointerLeave={() => point(undefined)}
        onKeyDown={moved}
        style={{ aspectRatio: `${left(across)} / ${left(down)}`, width: `${share * widthOnPage(map)}%` }}
      >
        <img
          src={`data:image/png;base64,${png}`}
          alt={`Weights of ${map.name} ${title}`}
          width={width}
          height={height}
        />
        {marks(down, isLaidOut).map((share) => (
          <span key={`row ${share}`} class="mark" style={{ top: `${share * 100}%`, left: 0, right: 0, height: 0 }} />
        ))}
        {marks(across, isLaidOut).map((share) => (
          <span key={`col ${share}`} class="mark" style={{ left: `${share * 100}%`, top: 0, bottom: 0, width: 0 }} />
        ))}
      </section>
      <p class="quiet small pointed" aria-live="polite">
        {where ?? ' '}
      </p>
    </figure>
  );
}

const ARROWS: Readonly<Record<string, readonly [dx: number, dy: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Per cent of the page for a picture of the whole matrix: a square one would be higher than a screen. */
function widthOnPage({ down, across }: WeightMapData): number {
  return Math.min(100, Math.max(36, 45 * (across.before / down.before)));
}

/** Where one gate or layer ends and the next begins, as shares of the axis. */
function marks({ segments, before, kept }: DrawnAxis, isLaidOut: boolean): number[] {
  const ends: number[] = [];
  let end = 0;
  for (const { length } of segments.slice(0, -1)) {
    end += length;
    ends.push(end);
  }
  if (isLaidOut) return ends.map((e) => e / before);
  const total = countBelow(kept, before);
  return ends.map((e) => countBelow(kept, e) / total);
}

/** Indices that are left below a bound. */
function countBelow(kept: DrawnAxis['kept'], bound: number): number {
  return kept.reduce((sum, [first, n]) => sum + Math.max(0, Math.min(n, bound - first)), 0);
}

/** What a cell covers, in words: gates, units, and whether they are left. */
function describe(map: WeightMapData, { width, height }: Picture, { x, y }: Cell, isLaidOut: boolean): string {
  const down = axisText(map.down, y, height, isLaidOut);
  const across = axisText(map.across, x, width, isLaidOut);
  return map.isTurned ? `row ${across} · column ${down}` : `row ${down} · column ${across}`;
}

function axisText(axis: DrawnAxis, cell: number, cells: number, isLaidOut: boolean): string {
  const length = isLaidOut ? axis.before : countBelow(axis.kept, axis.before);
  const from = Math.floor((cell * length) / cells);
  const to = Math.max(from, Math.ceil(((cell + 1) * length) / cells) - 1);
  const first = isLaidOut ? from : firstNumber(axis.kept, from);
  const last = isLaidOut ? to : firstNumber(axis.kept, to);
  const { name, start } = segmentAt(axis, first);
  const numbers = first === last ? `${first - start}` : `${first - start}–${last - start}`;
  const left = countBelow(axis.kept, last + 1) - countBelow(axis.kept, first);
  const fate = !isLaidOut || left > 0 ? '' : ', removed';
  return `${name === '' ? numbers : `${name}, unit ${numbers}`}${fate}`;
}

/** The number that the n-th index that is left had at the beginning. */
function firstNumber(kept: DrawnAxis['kept'], index: number): number {
  let rest = index;
  for (const [first, n] of kept) {
    if (rest < n) return first + rest;
    rest -= n;
  }
  return 0;
}

function segmentAt({ segments }: DrawnAxis, index: number): { name: string; start: number } {
  let start = 0;
  for (const { name, length } of segments) {
    if (index < start + length) return { name, start };
    start += length;
  }
  return { name: '', start };
}
