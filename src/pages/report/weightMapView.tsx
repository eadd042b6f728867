import { useState } from 'preact/hooks';
import type { DrawnAxis, WeightMapData } from '../../report/data.ts';

/** A weight matrix as it began, with what was removed, beside what is left (the paper's Figures 4 and 5). */
export function WeightMapView({ map }: { map: WeightMapData }) {
  const { name, down, across } = map;
  const [before, after] = [true, false].map((isLaidOut) =>
    [down, across].map((axis) => lengthOf(axis, isLaidOut)).join(', '),
  );
  return (
    <div class="card">
      <h3>
        <code>{name}</code>{' '}
        <span class="quiet small">{before === after ? `[${before}], all of it left` : `[${before}] → [${after}]`}</span>
      </h3>
      <div class="maps">
        <MapPicture map={map} isLaidOut />
        {before !== after && <MapPicture map={map} isLaidOut={false} />}
      </div>
    </div>
  );
}

const ARROWS: Readonly<Record<string, readonly [dx: number, dy: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** A picture with the removed rows and columns (`isLaidOut`), or without them. */
function MapPicture({ map, isLaidOut }: { map: WeightMapData; isLaidOut: boolean }) {
  // Where the pointer or the arrow keys are.
  const [cell, setCell] = useState<{ x: number; y: number }>();
  const { name, down, across } = map;
  const { width, height, png } = isLaidOut ? map.before : map.after;
  const [rows, columns] = [lengthOf(down, isLaidOut), lengthOf(across, isLaidOut)];
  const title = isLaidOut ? 'as it began' : 'as it is, to the same scale';
  const goTo = (x: number, y: number) => {
    const within = (value: number, count: number) => Math.max(0, Math.min(count - 1, Math.floor(value)));
    setCell({ x: within(x, width), y: within(y, height) });
  };
  const pointed = (event: PointerEvent & { readonly currentTarget: HTMLElement }) => {
    const box = event.currentTarget.getBoundingClientRect();
    goTo(((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height);
  };
  const moved = (event: KeyboardEvent) => {
    const arrow = ARROWS[event.key];
    if (arrow === undefined) return;
    event.preventDefault();
    const step = event.shiftKey ? 10 : 1;
    goTo((cell?.x ?? 0) + arrow[0] * step, (cell?.y ?? 0) + arrow[1] * step);
  };
  const scale = remPerIndex(map);
  const picture = { width: columns * scale, height: rows * scale };
  const where = cell
    ? `row ${axisText(down, cell.y, height, isLaidOut)} · column ${axisText(across, cell.x, width, isLaidOut)}`
    : '\u00a0';
  return (
    <figure>
      <figcaption class="quiet small">{title}</figcaption>
      <div class="map-frame" style={{ '--map-width': `${picture.width}rem` }}>
        <Names axis={across} isLaidOut={isLaidOut} side="top" room={picture.width} />
        <Names axis={down} isLaidOut={isLaidOut} side="left" room={picture.height} />
        <section
          class="map"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move over the picture, as the pointer does.
          tabIndex={0}
          aria-label={`${name} ${title}; arrow keys move, with Shift by ten`}
          onPointerMove={pointed}
          onPointerDown={pointed}
          onPointerLeave={() => setCell(undefined)}
          onKeyDown={moved}
          style={{ aspectRatio: `${columns} / ${rows}` }}
        >
          <img src={`data:image/png;base64,${png}`} alt={`Weights of ${name} ${title}`} {...{ width, height }} />
          {marks(down, isLaidOut).map((share) => (
            <span
              key={`row ${share}`}
              class="mark-line"
              style={{ top: `${share * 100}%`, left: 0, right: 0, height: 0 }}
            />
          ))}
          {marks(across, isLaidOut).map((share) => (
            <span
              key={`col ${share}`}
              class="mark-line"
              style={{ left: `${share * 100}%`, top: 0, bottom: 0, width: 0 }}
            />
          ))}
        </section>
      </div>
      <p class="quiet small pointed" aria-live="polite">
        {where}
      </p>
    </figure>
  );
}

/** Longest and least sides of a picture of a whole matrix on the page, in rem: not higher than a screen, and not a thread. */
const LONGEST = 28;
const LEAST = 4;

/** How large an index is on the page, in rem. */
function remPerIndex({ down, across }: WeightMapData): number {
  const [short, long] = [down.before, across.before].sort((a, b) => a - b) as [number, number];
  return Math.max(LONGEST / long, Math.min(LEAST / short, (1.5 * LONGEST) / long));
}

interface NamesProps {
  readonly axis: DrawnAxis;
  readonly isLaidOut: boolean;
  readonly side: 'top' | 'left';
  /** Length of the axis on the page in rem. */
  readonly room: number;
}

/** Width of a letter and height of a line of the names, in rem. */
const LETTER = 0.42;
const LINE = 0.85;

/** Names of gates and layers beside their part of the picture; the pointer tells those that have no room. */
function Names({ axis, isLaidOut, side, room }: NamesProps) {
  const ends = [0, ...marks(axis, isLaidOut), 1];
  return (
    <div class={`map-names ${side}`} aria-hidden="true">
      {axis.segments.map(({ name, gate }, i) => {
        const text = gate ?? name;
        const [start, share] = [ends[i]!, ends[i + 1]! - ends[i]!];
        const [from, size] = [`${start * 100}%`, `${share * 100}%`];
        if (share * room < (side === 'top' ? text.length * LETTER : LINE)) return null;
        return (
          <span key={i} style={side === 'top' ? { left: from, width: size } : { top: from, height: size }}>
            {text}
          </span>
        );
      })}
    </div>
  );
}

/** Indices of an axis, all of them or those that are left. */
function lengthOf({ kept, before }: DrawnAxis, isLaidOut: boolean): number {
  return isLaidOut ? before : countBelow(kept, before);
}

/** Where one gate or layer ends and the next begins, as shares of the axis. */
function marks(axis: DrawnAxis, isLaidOut: boolean): number[] {
  let end = 0;
  return axis.segments.slice(0, -1).map(({ length }) => {
    end += length;
    return (isLaidOut ? end : countBelow(axis.kept, end)) / lengthOf(axis, isLaidOut);
  });
}

/** Indices that are left below a bound. */
function countBelow(kept: DrawnAxis['kept'], bound: number): number {
  return kept.reduce((sum, [first, n]) => sum + Math.max(0, Math.min(n, bound - first)), 0);
}

/** What a cell covers along an axis, in words: gate, units, and whether they are left. */
function axisText(axis: DrawnAxis, cell: number, cells: number, isLaidOut: boolean): string {
  const length = lengthOf(axis, isLaidOut);
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
  for (const { name, gate, length } of segments) {
    if (index < start + length) return { name: gate === undefined ? name : `${name}, ${gate}`, start };
    start += length;
  }
  return { name: '', start };
}
