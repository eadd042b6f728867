import type { ComponentChildren } from 'preact';

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

/** A table that scrolls by itself, with a `label` also from the keyboard. The first cell of a row names it. */
export function Table({ head, rows, label }: DataTable & { readonly label?: string }) {
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

/** What may be wider than the page. */
export function Scroll({ label, children }: { label: string | undefined; children: ComponentChildren }) {
  if (label === undefined) return <div class="scroll">{children}</div>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable from the keyboard.
    <section class="scroll" tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
