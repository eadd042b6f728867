import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/** A table of text: what stands behind a chart, and everywhere else where figures are side by side. */
export interface DataTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A column of figures that some of the things in a table have. */
export interface Column<Row> {
  readonly head: string;
  readonly read: (row: Row) => string | undefined;
}

/** A row for each thing; columns that none has a figure for are left out. */
export function tableOf<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): DataTable {
  const shown = columns.filter(({ read }) => rows.some((row) => read(row) !== undefined));
  return {
    head: shown.map(({ head }) => head),
    rows: rows.map((row) => shown.map(({ read }) => read(row) ?? '–')),
  };
}

/** A table that scrolls by itself, also from the keyboard. The first cell of a row names it. */
export function Table({ head, rows, label }: DataTable & { readonly label: string }) {
  return (
    <Scroll label={label}>
      <table>
        <thead>
          <tr>
            {head.map((cell) => (
              <th key={cell} scope="col">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells], row) => (
            <tr key={row}>
              <th scope="row" style={{ fontWeight: 'inherit' }}>
                {name}
              </th>
              {cells.map((cell, column) => (
                <td key={column}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** What may be wider than the page: it scrolls, and fades and says so where there is more. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  const holder = useRef<HTMLElement>(null);
  const [more, setMore] = useState('');
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const look = () => setMore(moreIn(element));
    const resized = new ResizeObserver(look);
    for (const watched of [element, ...element.children]) resized.observe(watched);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      resized.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);
  return (
    <div class="scroll-holder">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable from the keyboard. */}
      <section ref={holder} class="scroll" data-more={more} tabIndex={0} aria-label={label}>
        {children}
      </section>
      {more !== '' && (
        <p class="scroll-hint" aria-hidden="true">
          {HINTS[more]}
        </p>
      )}
    </div>
  );
}

const HINTS: Readonly<Record<string, string>> = {
  right: 'more columns to the right →',
  left: '← more columns to the left',
  'left right': '← more columns on both sides →',
};

/** On which sides of what is seen there is more, by more than the rounding of a pixel. */
function moreIn({ scrollLeft, scrollWidth, clientWidth }: Element): string {
  const sides = [scrollLeft > 1 && 'left', scrollLeft + clientWidth < scrollWidth - 1 && 'right'];
  return sides.filter((side) => side !== false).join(' ');
}
